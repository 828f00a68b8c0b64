"A proxy between a browser and a server, which can cut its connections and answer 502, as while a program is deployed."
import contextlib
import socket
import threading


class Proxy:
    def __init__(self, port: int):
        self.target, self.away, self._open = port, False, set()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._listener.getsockname()[1]}'
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._refuse if self.away else self._connect, args=(client,), daemon=True).start()

    def _refuse(self, client):
        with contextlib.suppress(OSError), client:
            client.recv(65536)
            client.sendall(b'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
            self.refused += 1

    def _connect(self, client):
        try: server = socket.create_connection(('127.0.0.1', self.target))
        except OSError: return self._refuse(client)   # it has gone in between
        self._open |= {client, server}
        for source, target in (client, server), (server, client):
            threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536): target.sendall(data)
        for end in source, target:
            with contextlib.suppress(OSError): end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        "End every connection that is open now"
        ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError): end.shutdown(socket.SHUT_RDWR)

    def __enter__(self): return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()
