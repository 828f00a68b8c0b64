"Elements and HTML: pure, without a server."
