"""Limits of connections count over all processes that share a broker; a process that dies frees its share."""
import http.client
import os
import signal

import pytest

from fasthtml.common import EventStream, FastHTML, Limits
from support import serve, serve_process, wait_until

APP = '''
from fasthtml.common import *
from fasthtml.realtime import shared_limits
shared_limits.life = 2.0
def who(req): req.scope['auth'] = req.query_params.get('who')
app = FastHTML(before=who, secret_key='x', broker_prefix='limits', limits=Limits(total=4, per_address=3, per_person=2))

@app.get('/s')
async def follow(): return EventStream(heartbeat=None)
'''


def follower(address):
    def who(req): req.scope['auth'] = req.query_params.get('who')
    app = FastHTML(before=who, secret_key='x', broker=address, broker_prefix='limits', limits=Limits(total=4, per_address=3, per_person=2))
    app.get('/s')(follow)
    return app


async def follow(): return EventStream(heartbeat=None)


def opened(url, who):
    "An open stream, or the refusal"
    line = http.client.HTTPConnection(url.partition('//')[2], timeout=60)
    line.request('GET', f'/s?who={who}')
    return line, line.getresponse()


def status(url, who):
    line, response = opened(url, who)
    response.close()
    line.close()
    return response.status


@pytest.mark.parametrize('kind', ['sqlite', 'redis'])
def test_what_another_process_has_open_counts_until_it_closes_or_dies(kind, tmp_path, request):
    address = request.getfixturevalue('own_valkey').url if kind == 'redis' else f'sqlite:{tmp_path}/a.db'
    app = follower(address)
    with serve_process(APP, tmp_path, env={'FASTHTML_BROKER': address}) as there, serve(app) as here:
        far = opened(there.url, 'ann')
        near = opened(here.url, 'ann')
        assert (far[1].status, near[1].status) == (200, 200)
        wait_until(lambda: status(here.url, 'ann') == 503, what='the other process to be counted')
        wait_until(lambda: status(there.url, 'ann') == 503, what='this process to be counted there')
        wait_until(lambda: status(here.url, 'bob') == 200, what='another person to be let in, when those who asked above have left')
        assert status(here.url, 'ann') == 503
        os.killpg(there.popen.pid, signal.SIGKILL)
        wait_until(lambda: status(here.url, 'ann') == 200, what='the share of the dead process to be free')
        for line, response in (far, near):
            response.close()
            line.close()


def test_without_anything_to_share_nothing_runs():
    for options in dict(limits=Limits(per_person=2)), dict(limits=Limits(messages_per_second=5), broker='sqlite:unused.db'), {}:
        assert FastHTML(secret_key='x', **options).site.limits.shared is None
