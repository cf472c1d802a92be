"""Several nodes take, release and say again what they hold, in any order: compared with a model of a few lines."""

import asyncio
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from controller.cluster.memory import MemoryBackend, Shared
from controller.cluster.node import NodeId
from controller.cluster.port import Backend, Claim, Holdings, NodeFacts, Outdated, RateLimit, Report, SlotLimit
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url
from tests.peers.valkey import Server

NODES, IDS = ("a", "b", "c"), tuple(f"call{number}" for number in range(8))
LIMITS = {"total": 5, "trunk:main": 3, "agent:x": 2, "calls": None}
RATE = RateLimit("total", 12, 3600.0)
REPORT = Report(NodeFacts(), "2026-11-30")
CLAIMS = st.builds(
    Claim,
    st.sampled_from(IDS),
    st.lists(st.sampled_from(sorted(LIMITS)), unique=True, min_size=1).map(
        lambda scopes: tuple(SlotLimit(each, LIMITS[each]) for each in scopes)
    ),
    st.sampled_from([(), (RATE,)]),
)


class Cluster(RuleBasedStateMachine):
    """An id belongs to one node, as a call does: the one that has taken it first."""

    server: Server | None = None

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.starts = dict.fromkeys(NODES, 1)
        self.held: dict[str, dict[str, set[str]]] = {each: {} for each in NODES}
        """What each node holds: the scopes by id."""
        self.begun: set[str] = set()
        self.stored: set[str] = set()
        """Nodes whose holdings the backend has."""
        self.shared = Shared()
        if self.server is not None:
            self.server.command("FLUSHALL")
        self.backends = {each: self.made(each) for each in NODES}
        self.generation, self.remembers = "", True
        self.all_assert()

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        for node in self.stored:
            for id_, scopes in self.held[node].items():
                owners = {self.ask(self.backends[node].owner(scope, id_)) for scope in scopes}
                assert owners <= {NodeId(node, self.starts[node])}
        for node in NODES:
            self.ask(self.backends[node].free(NodeId(node, self.starts[node]), lapsed=False))
        left = self.server.command("KEYS", "{test}:slots:*") if self.server else self.shared.book.scopes()
        assert left in ({}, "*0"), "slots are left"
        for backend in self.backends.values():
            self.ask(backend.close())
        self.loop.close()

    def made(self, node: str) -> Backend:
        id_ = NodeId(node, self.starts[node])
        if self.server is None:
            return MemoryBackend(id_, self.shared)
        return ValkeyBackend(id_, cluster_url.parse(self.server.url), "test")

    def ask(self, what: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(what, 10))

    def count(self, scope: str) -> set[str]:
        """As the backend knows."""
        return {id_ for node in self.stored for id_, scopes in self.held[node].items() if scope in scopes}

    @rule()
    def all_assert(self) -> None:
        for node in NODES:
            self.say_again(node)

    @rule(node=st.sampled_from(NODES))
    def say_again(self, node: str) -> None:
        self.generation = self.ask(self.backends[node].beat(REPORT)).generation
        slots = {id_: tuple(scopes) for id_, scopes in self.held[node].items()}
        self.ask(self.backends[node].assert_all(Holdings(slots), self.generation))
        self.stored.add(node)

    @rule(node=st.sampled_from(NODES), claim=CLAIMS)
    def take(self, node: str, claim: Claim) -> None:
        if any(claim.id in self.held[other] for other in NODES if other != node) or node not in self.stored:
            return
        mine = self.held[node].get(claim.id, set())
        full: Any = None
        for each in claim.slots:
            if each.most is not None and each.scope not in mine and len(self.count(each.scope)) >= each.most:
                full = full or each
        if claim.rates and claim.id not in self.begun and len(self.begun) >= RATE.most:
            full = full or RATE
        try:
            found = self.ask(self.backends[node].take(claim, self.generation))
        except Outdated:
            pytest.fail("the generation is known")
        assert found == full
        if found is None:
            self.held[node][claim.id] = mine | set(claim.scopes)
            self.begun |= {claim.id} if claim.rates else set()

    @rule(node=st.sampled_from(NODES), ids=st.lists(st.sampled_from(IDS), max_size=4))
    def release(self, node: str, ids: list[str]) -> None:
        self.ask(self.backends[node].release(dict.fromkeys(ids, ())))
        for each in ids:
            self.held[node].pop(each, None)

    @rule(node=st.sampled_from(NODES), keep=st.sets(st.sampled_from(IDS)))
    def restart(self, node: str, keep: set[str]) -> None:
        """The next start goes on with some of its calls, and says so."""
        self.starts[node] += 1
        self.ask(self.backends[node].close())
        self.backends[node] = self.made(node)
        self.held[node] = {id_: scopes for id_, scopes in self.held[node].items() if id_ in keep}
        self.say_again(node)

    @rule()
    def empty(self) -> None:
        """And one node notices. The others have still to say what they hold."""
        if self.server is None:
            self.shared.empty()
        else:
            self.server.command("FLUSHALL")
        self.stored.clear()
        self.begun.clear()
        self.remembers = False
        self.say_again(NODES[0])

    @invariant()
    def no_limit_is_passed_while_the_backend_remembers(self) -> None:
        if getattr(self, "remembers", False):
            assert all(most is None or len(self.count(scope)) <= most for scope, most in LIMITS.items())


def test_memory_is_as_the_model() -> None:
    run_state_machine_as_test(Cluster, settings=settings(max_examples=60, stateful_step_count=30))


def test_valkey_is_as_the_model() -> None:
    with Server() as server:

        class OnValkey(Cluster):
            pass

        OnValkey.server = server
        run_state_machine_as_test(OnValkey, settings=settings(max_examples=40, stateful_step_count=30))
