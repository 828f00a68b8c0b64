"The rules of a lease, by clocks that are moved by hand. What each broker does with leases is in test_brokers.py."
import asyncio
import gc
import time

import pytest

from fasthtml.realtime import leases
from fasthtml.realtime.leases import BrokerError, Lease, LeaseTable, NotSent, take_lease

pytestmark = pytest.mark.anyio


class Clock:
    now = 100.0
    def __call__(self): return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(leases, '_now', clock)
    return clock


class Broker:
    "Says yes or no, or raises, once `go` is set; notes who releases what"
    def __init__(self, held=True):
        self.held, self.asked, self.go, self.given = held, asyncio.Event(), asyncio.Event(), []
        self.go.set()

    async def take(self, key, owner, seconds):
        self.asked.set()
        await self.go.wait()
        if isinstance(self.held, Exception): raise self.held
        return self.held

    async def give(self, key, owner): self.given.append((key, owner))

    async def lease(self, seconds=10): return await take_lease('job', seconds, self.take, self.give)


async def over(before):
    "Wait until the tasks that were started since have ended, and what they call in the turn after"
    for _ in range(3):
        while asyncio.all_tasks() - before: await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_who_handles_a_connection_error_handles_what_brokers_raise():
    assert issubclass(NotSent, BrokerError) and issubclass(BrokerError, ConnectionError) and not issubclass(BrokerError, NotSent)


def test_the_clock_counts_the_sleep_of_the_computer_and_is_never_set(monkeypatch):
    if not hasattr(time, 'CLOCK_BOOTTIME'): pytest.skip('this system has no such clock')
    read = time.clock_gettime
    monkeypatch.setattr(time, 'time', lambda: 0.0)
    monkeypatch.setattr(time, 'clock_gettime', lambda id: read(id) + 3600 * (id == time.CLOCK_BOOTTIME))
    assert leases._now() > time.monotonic() + 3000 and leases._now() > read(time.CLOCK_BOOTTIME) + 3000


async def test_the_time_counts_from_before_the_request(clock):
    "The broker may have noted it then; what the reply takes is not ours"
    broker = Broker()
    broker.go.clear()
    asking = asyncio.create_task(broker.lease(10))
    await broker.asked.wait()
    clock.now += 3
    broker.go.set()
    assert (await asking).left == 7


async def test_a_lease_is_renewed_expires_and_is_never_below_nothing(clock):
    lease = await Broker().lease(10)
    clock.now += 9
    assert lease.left == 1 and await lease.renew() and lease.left == 10
    clock.now += 25
    assert lease.left == 0


async def test_what_another_owner_has_is_not_held_any_more(clock):
    broker = Broker()
    lease = await broker.lease(10)
    broker.held = False
    assert not await lease.renew() and lease.left == 0


async def test_a_renewal_that_fails_leaves_what_is_held(clock):
    broker = Broker()
    lease = await broker.lease(10)
    clock.now += 4
    broker.held = BrokerError('away')
    with pytest.raises(BrokerError): await lease.renew()
    assert lease.left == 6


async def test_while_it_is_released_it_is_not_held(clock):
    broker, left = Broker(), []
    async def give(key, owner): left.append(lease.left)
    lease = Lease('job', 'me', 10, broker.take, give)
    assert await lease.renew() and lease.left == 10
    await lease.release()
    assert left == [0] and lease.left == 0


@pytest.mark.parametrize('held, given', [(True, 1), (False, 0), (BrokerError('away'), 0)])
async def test_what_comes_after_the_caller_was_cancelled_is_given_back(clock, held, given):
    broker, trouble, loop, before = Broker(held), [], asyncio.get_running_loop(), asyncio.all_tasks()
    loop.set_exception_handler(lambda loop, context: trouble.append(context['message']))
    broker.go.clear()
    asking = asyncio.create_task(broker.lease())
    await broker.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError): await asking
    broker.go.set()
    await over(before)
    gc.collect()
    assert [key for key, _ in broker.given] == ['job'] * given and not trouble


async def test_a_request_that_the_loop_cancels_at_its_end_is_no_trouble(clock):
    broker, trouble, before = Broker(), [], asyncio.all_tasks()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context['message']))
    broker.go.clear()
    asking = asyncio.create_task(broker.lease())
    await broker.asked.wait()
    for task in asyncio.all_tasks() - before: task.cancel()
    with pytest.raises(asyncio.CancelledError): await asking
    await over(before)
    assert not trouble and not broker.given


@pytest.mark.parametrize('seconds', [0, -1, float('nan')])
async def test_a_lease_lasts_for_some_time(seconds):
    with pytest.raises(ValueError, match='above 0'): await Broker().lease(seconds)


async def test_each_lease_of_a_process_has_an_owner_of_its_own():
    table = LeaseTable()
    first = await take_lease('job', 10, table.take, table.give)
    assert await take_lease('job', 10, table.take, table.give) is None and await first.renew()


async def test_a_table_holds_a_key_for_its_owner_until_the_moment_it_expires():
    clock = Clock()
    table = LeaseTable(clock)
    assert await table.take('job', 'ann', 10)
    clock.now += 5
    assert not await table.take('job', 'bob', 10) and await table.take('job', 'ann', 10)
    clock.now += 9
    assert not await table.take('job', 'bob', 10)
    clock.now += 1
    assert await table.take('job', 'bob', 10) and not await table.take('job', 'ann', 10)


async def test_only_the_owner_gives_a_key_back():
    table = LeaseTable()
    await table.take('job', 'ann', 10)
    await table.give('job', 'bob')
    await table.give('other', 'bob')
    assert not await table.take('job', 'bob', 10)
    await table.give('job', 'ann')
    assert await table.take('job', 'bob', 10)


async def test_a_table_forgets_what_has_expired_and_nothing_else():
    clock = Clock()
    table = LeaseTable(clock)
    await table.take('kept', 'ann', 3600)
    for n in range(1500): await table.take(f'job {n}', 'ann', 10)
    clock.now += 11
    for n in range(2): await table.take(f'new {n}', 'ann', 10)
    assert len(table._held) < 10
    assert not await table.take('kept', 'bob', 10) and not await table.take('new 0', 'bob', 10)
