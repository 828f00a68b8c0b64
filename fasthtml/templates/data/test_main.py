import importlib

import pytest
from fasthtml.testing import Client


@pytest.fixture
def client(tmp_path, monkeypatch):
    "The app with a database of its own"
    monkeypatch.setenv('NOTES_DB', str(tmp_path/'notes.db'))
    import main
    return Client(importlib.reload(main).app)


def test_a_note_is_kept(client):
    fragment = client.hx.post('/notes', data={'text': 'Buy <milk>'})
    assert '<p>Buy &lt;milk&gt;</p>' in fragment.text
    assert 'Buy &lt;milk&gt;' in client.get('/').text


def test_a_note_is_deleted_once_or_twice(client):
    client.hx.post('/notes', data={'text': 'Gone'})
    assert client.hx.delete('/notes/1').status_code == 200
    assert client.hx.delete('/notes/1').status_code == 200
    assert 'Gone' not in client.get('/').text
