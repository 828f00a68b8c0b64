"What the protocol tests serve: one socket whose callbacks are counted, and a page that tells the counts."
from fasthtml.common import FastHTML, P

app, log = FastHTML(secret_key='x'), {}


async def conn(case: str): log.setdefault(case, []).append('conn')
async def disconn(case: str, code: int): log.setdefault(case, []).append(code)


@app.ws('/ws/{case}', conn=conn, disconn=disconn, max_size=1 << 25)
async def echo(msg: str): return P(msg)


@app.ws('/short/{case}', conn=conn, disconn=disconn, max_size=100)
async def short(msg: str): return P(msg)


@app.get('/log/{case}')
def seen(case: str): return {'log': log.get(case, []), 'open': len(app.lifecycle.connections)}
