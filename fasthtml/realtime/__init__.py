"Connections that stay open: WebSockets, server-sent events, channels, shutdown."
