"""C2 and C3 for all brokers, in generated histories with restarts, older data, lagging readers, cuts and histories that are not loaded.

FASTHTML_LAWS=200 plays that many histories of each kind.
"""
import asyncio
import logging
import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from law_kit import play

FEW = {'memory': 8, 'sqlite': 6, 'redis': 4}  # less than a minute together
OFTEN = ['publish'] * 12 + ['burst'] * 2 + ['move'] * 5 + ['join', 'lag', 'heal', 'cut', 'sleep', 'sleep', 'process']
numbers = st.integers(0, 2), st.integers(0, 2), st.integers(0, 59)


def histories(*more):
    return st.lists(st.tuples(st.sampled_from([*OFTEN, *more]), *numbers), min_size=60, max_size=140)


def law(kind, restarts, server=None):
    "A property: no generated history breaks the law"
    @settings(max_examples=int(os.environ.get('FASTHTML_LAWS') or FEW[kind]), deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(histories('save', 'restart', 'restart') if restarts else histories())
    def holds(steps):
        if server: server.empty()
        broken, world = asyncio.run(play(kind, steps, server))
        assert not broken, broken[:5]
        assert sum(map(len, world.confirmed.values())) > 10, 'hardly anything was confirmed'
        if not world.restarts: assert not any(e[1] == 'resync' for c in world.clients for e in c.events)
    return holds


@pytest.fixture(autouse=True)
def quiet():
    "Servers that come and go are what this is about"
    logging.getLogger('fasthtml').setLevel(logging.ERROR)
    yield
    logging.getLogger('fasthtml').setLevel(logging.NOTSET)


@pytest.mark.timeout(0 if os.environ.get('FASTHTML_LAWS') else 180)
@pytest.mark.parametrize('kind,restarts', [('memory', False), ('sqlite', False), ('sqlite', True)])
def test_a_confirmed_message_reaches_every_client_once_and_in_order_or_it_is_told(kind, restarts): law(kind, restarts)()


@pytest.mark.timeout(0 if os.environ.get('FASTHTML_LAWS') else 180)
@pytest.mark.parametrize('restarts', [False, True])
def test_the_same_holds_with_redis(own_valkey, restarts): law('redis', restarts, own_valkey)()
