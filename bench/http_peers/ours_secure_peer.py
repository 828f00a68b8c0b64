"fasthtml with security headers"
from ours_peer import make

app = make(secure_headers=True)
