"fasthtml with a policy"
from ours_peer import make

app = make(csp=True)
