"""Clocks of machines differ, and a clock is set back: what was made a minute in the future counts.

What providers of logins sign is in nbs/api/app/33_openid.ipynb, and leases are in tests/realtime/test_leases.py.
"""
import asyncio
import time
from contextlib import suppress

import jwt
import pytest

from client_kit import DirectClient
from fasthtml.app.app import FastHTML
from fasthtml.app.oauth import finish_login, start_login
from fasthtml.app.oauth_clients import AppleAppClient, OAuthError
from fasthtml.common import P, Redirect
from fasthtml.http.sessions import SqliteSessions, decode_session, encode_session
from fasthtml.realtime.regions import Signer
from support import each_row

MINUTE, DAY = 60, 24 * 3600


@pytest.fixture
def clock(monkeypatch):
    "Sets the time of day: seconds before or after the true time"
    ahead, read = [0.0], time.time
    monkeypatch.setattr(time, 'time', lambda: read() + ahead[0])
    def set_clock(seconds): ahead[0] = seconds
    return set_clock


def a_session(made, read):
    "Of one process, in another, in the cookie or in a store"
    def app_of():
        app = FastHTML(secret_key='k')
        @app.post('/login')
        def login(session):
            session['user'] = 'ann'
            return Redirect('/')
        @app.get('/')
        def home(session):
            session['views'] = session.get('views', 0) + 1
            return session.get('user', 'nobody')
        return app
    made()
    client = DirectClient(app_of())
    client.post('/login', follow_redirects=False)
    other = DirectClient(app_of())
    other.cookies = client.cookies
    read()
    return other.get('/').text == 'ann'


def a_signed_session(made, read):
    made()
    signed = encode_session({'user': 'ann'}, 'k')
    read()
    return decode_session(signed, 'k', max_age=DAY) == {'user': 'ann'}


def a_stored_session(made, read, path=':memory:'):
    async def keep_and_load():
        store = SqliteSessions(path, clock=lambda: time.time())
        made()
        await store.save('id', {'user': '"ann"'}, (), DAY)
        read()
        found = await store.load('id')
        await store.close()
        return found is not None and found.values == {'user': '"ann"'}
    return asyncio.run(keep_and_load())


def a_token_of_a_region(made, read):
    signer = Signer(b'k', life=DAY)
    made()
    token = signer.token('todos{}', 'ann', '/', time.time())
    read()
    return signer.path(token, 'todos{}', 'ann', time.time()) == '/'


def a_login_under_way(made, read):
    session = {}
    made()
    state = start_login(session, 'https://app.example/redirect')['state']
    read()
    with suppress(OAuthError): return finish_login(session, state)['redirect_uri'] == 'https://app.example/redirect'


def a_page_with_a_region(made, read):
    app = FastHTML(secret_key='k')
    @app.live
    def todos(): return P('milk')
    made()
    shown = app.regions.signer.token(app.regions.signed_name('todos{}'), '', '/_live/page', time.time())
    read()
    return DirectClient(app).get('/_live/page', params={'key': 'todos{}', 'token': shown}).status_code == 200


def a_secret_for_apple(made, read):
    from cryptography.hazmat.primitives.asymmetric import ec
    made()
    secret = AppleAppClient('shop', 'k1', 'team', ec.generate_private_key(ec.SECP256R1())).client_secret
    claims = jwt.decode(secret, options={'verify_signature': False})
    read()
    return claims['iat'] <= time.time() < claims['exp']


TABLE = [a_session, a_signed_session, a_stored_session, a_token_of_a_region, a_login_under_way, a_page_with_a_region, a_secret_for_apple]
AGES = [a_signed_session, a_stored_session, a_token_of_a_region, a_login_under_way, a_secret_for_apple]


@each_row('made, read', [(0.6, 0), (MINUTE, 0), (0, -MINUTE), (0, MINUTE), (-MINUTE, 0)])
@each_row('case', TABLE, ids=lambda case: case.__name__)
def test_what_was_made_by_another_clock_counts(clock, case, made, read):
    assert case(lambda: clock(made), lambda: clock(read))


@pytest.mark.parametrize('case', AGES, ids=lambda case: case.__name__)
def test_what_is_too_old_does_not_count(clock, case):
    assert not case(lambda: clock(0), lambda: clock(DAY + 2))
