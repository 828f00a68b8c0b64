from fasthtml.testing import Client
from main import app

client = Client(app)


def test_the_page_opens_a_socket_and_a_stream():
    page = client.get('/').text
    assert 'ws-connect="/chat"' in page
    assert 'sse-connect="/clock"' in page


def test_what_one_says_all_hear():
    with client.ws('/chat') as ada, client.ws('/chat') as alan:
        ada.hx(text='<hello>')
        while '&lt;hello&gt;' not in str(alan.receive()):
            pass


def test_the_clock_ticks():
    with client.sse('/clock') as clock:
        assert 'span' in next(iter(clock)).data
