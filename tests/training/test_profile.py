"""Profiles: who was at what when, what kind of work it was, and shares that add up."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.training.clock import CHECKPOINT, EVALUATION, ROWS, STEPS, Clock, Spent
from aecli.training.profile import parts
from aecli.training.profile.hlo import parse
from aecli.training.profile.shares import IDLE, LOGGING, OUTSIDE, of_training, profiled, spent_on
from aecli.training.profile.trace import FOREIGN, MOVING, SCHEDULING, Span, Trace, innermost, read
from aecli.training.profile.trace import STEPS as STEPS_EVENT

GPU = """HloModule jit__chunk, is_scheduled=true

%fused_update (p0: f32[8,4], p1: f32[8,4]) -> f32[8,4] {
  %p0 = f32[8,4]{1,0} parameter(0)
  %p1 = f32[8,4]{1,0} parameter(1)
  ROOT %add.1 = f32[8,4]{1,0} add(%p0, %p1), metadata={op_name="jit(_chunk)/while/body/optimizer/add"}
}

%fused_draw (p2: u32[], p3: f32[8,4]) -> f32[8,4] {
  %p2 = u32[] parameter(0)
  %xor.1 = u32[8,4]{1,0} broadcast(%p2), dimensions={}
  %xor.2 = u32[8,4]{1,0} xor(%xor.1, %xor.1), metadata={op_name="jit(_chunk)/jvp(bottleneck)/jit(_normal)/xor"}
  %xor.3 = u32[8,4]{1,0} xor(%xor.2, %xor.2), metadata={op_name="jit(_chunk)/jvp(bottleneck)/jit(_normal)/xor"}
  ROOT %multiply.1 = f32[8,4]{1,0} multiply(%p3, %p3), metadata={op_name="jit(_chunk)/jvp(encoder)/mul"}
}

%body (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %p = (s32[], /*index=1*/f32[8,4]{1,0}) parameter(0)
  %gemm.1 = (f32[8,4]{1,0}, s8[64]{0}) custom-call(%p, %p), custom_call_target="__cublas$lt$matmul", metadata={op_name="jit(_chunk)/while/body/transpose(jvp(decoder))/dot_general"}
  %conv.1 = (f32[8,4]{1,0}, u8[0]{0}) custom-call(%p, %p), custom_call_target="__cudnn$convForward", metadata={op_name="jit(_chunk)/while/body/jvp(encoder)/conv_general_dilated"}
  %update = f32[8,4]{1,0} fusion(%p, %p), kind=kLoop, calls=%fused_update, metadata={op_name="jit(_chunk)/while/body/optimizer/add"}
  %draw = f32[8,4]{1,0} fusion(%p, %p), kind=kLoop, calls=%fused_draw, metadata={op_name="jit(_chunk)/while/body/jvp(encoder)/mul"}
  %rows = f32[8,4]{1,0} gather(%p, %p), metadata={op_name="jit(_chunk)/while/body/batch/jit(_take)/gather"}
  %turned = f32[4,8]{0,1} transpose(%p), metadata={op_name="jit(_chunk)/while/body/jvp(decoder)/transpose"}
  %charged = f32[8]{0} reduce(%p, %p), to_apply=%add, metadata={op_name="jit(_chunk)/jvp(penalties.0.contractive)/encoder/reduce_sum"}
  ROOT %out = (s32[], f32[8,4]{1,0}) tuple(%p, %p)
}

ENTRY %main (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %p.1 = (s32[], f32[8,4]{1,0}) parameter(0)
  ROOT %while.1 = (s32[], f32[8,4]{1,0}) while(%p.1), condition=%condition, body=%body
}
"""  # noqa: E501
EXECUTE = "ThunkExecutor::Execute"
NAMES = {
    "gemm.1": (parts.PRODUCTS, "decoder"),
    "conv.1": (parts.CONVOLUTIONS, "encoder"),
    "update": (parts.OPTIMIZER, "optimizer"),
    "draw": (parts.RANDOM, "bottleneck"),  # two of its three operations draw
    "rows": (parts.BATCH, "batch"),
    "turned": (parts.COPIES, "decoder"),
    "charged": (parts.ELEMENTWISE, "penalties.0.contractive"),
    "while.1": (parts.BETWEEN, parts.REST),
}


@pytest.mark.parametrize("name", NAMES)
def test_an_instruction_has_a_part_and_a_symbol(name):
    module = parse(GPU)
    assert module.name == "jit__chunk"
    assert (parts.parts_of(module)[name], parts.symbols_of(module)[name]) == NAMES[name]


def event(name, start, duration=0.0, **stats):
    return SimpleNamespace(name=name, start_ns=float(start), duration_ns=float(duration), stats=list(stats.items()))


def line(name, *events):
    return SimpleNamespace(name=name, events=list(events))


def trace_of(monkeypatch, planes):
    """What is read of a file with these planes."""
    found = [SimpleNamespace(name=name, lines=lines) for name, lines in planes.items()]
    monkeypatch.setattr("jax.profiler.ProfileData.from_file", lambda file: SimpleNamespace(planes=found))
    return read(__file__, "jit__chunk")


def test_threads_of_a_cpu_and_pieces_of_operations_handed_over(monkeypatch):
    """A thread runs operations one after the other, and a product's piece runs on another thread."""
    mine = {"hlo_module": "jit__chunk"}
    pool = "ThreadpoolListener::"
    trace = trace_of(monkeypatch, {"/host:CPU": [
        line("python", event(STEPS_EVENT, 0, 100), event("aecli:rows", 200, 50), event(pool + "Record", 5, _p=1)),
        line("client", event(pool + "StartRegion", 8, _c=1), event(EXECUTE + " (wait for completion)", 9, 80),
             event(pool + "StopRegion", 90)),
        line("one", event(EXECUTE, 10, 60),
             event("dot.1", 12, 40, hlo_op="dot.1", **mine), event(pool + "Record", 13, _p=2),
             event("end: dot.1", 51, 1), event("add", 55, 10, hlo_op="add", **mine)),
        line("two", event(pool + "StartRegion", 15, _c=2), event(pool + "Record", 16, _p=3),
             event(pool + "StopRegion", 40), event("other", 42, 3, hlo_op="other", hlo_module="jit__order")),
        line("three", event(pool + "StartRegion", 20, _c=3), event(pool + "StopRegion", 30)),
    ]})  # fmt: skip
    assert trace.device == "/host:CPU"
    assert trace.windows == [(0, 100)]
    one, two, three = trace.tracks  # the client only waits
    assert one == [(10, 12, SCHEDULING), (12, 52, "dot.1"), (52, 55, SCHEDULING), (55, 65, "add"), (65, 70, SCHEDULING)]
    assert two == [(15, 40, "dot.1"), (42, 45, FOREIGN)]
    assert three == [(20, 30, "dot.1")]  # a piece of a piece
    times, busy = spent_on(trace)
    assert times == pytest.approx(
        {OUTSIDE: 40, SCHEDULING: 10, "dot.1": 38.5, FOREIGN: 1.5, "add": 10}  # a moment of two is half each one's
    )
    assert busy == pytest.approx((60 + 25 + 3 + 10) / 60)


def test_streams_of_a_gpu(monkeypatch):
    """The host's own events say nothing then, nor do lines that are made from others."""
    trace = trace_of(monkeypatch, {
        "/host:CPU": [line("python", event(STEPS_EVENT, 0, 100)),
                      line("x", event("x", 0, 9, hlo_op="x", hlo_module="jit__chunk"))],
        "/device:CUSTOM:0": [line("y", event("y", 0, 100))],
        "/device:GPU:0": [
            line("Stream #13(Compute)", event("sm90_xmma_gemm", 10, 30, hlo_op="gemm.1", hlo_module="jit__chunk(7)"),
                 event("loop_add", 40, 5, hlo_op="update", hlo_module="jit__chunk"),
                 event("loop_sort", 45, 5, hlo_op="sort", hlo_module="jit__order")),
            line("Stream #14(MemcpyD2D)", event("MemcpyD2D", 60, 10), event("nameless", 70, 5)),
            line("XLA Modules", event("jit__chunk(7)", 10, 65)),
        ],
    })  # fmt: skip
    assert trace.device == "/device:GPU:0"
    compute, copies = trace.tracks
    assert compute == [(10, 40, "gemm.1"), (40, 45, "update"), (45, 50, FOREIGN)]
    assert copies == [(60, 70, MOVING), (70, 75, "nameless")]
    found = profiled(trace, parse(GPU), 1, Spent({STEPS: 1.0}, 1.0, 1, 1)).window
    expected = {
        parts.PRODUCTS: 30, parts.OPTIMIZER: 5, parts.OTHER: 5, parts.COPIES: 10, parts.UNKNOWN: 5, parts.BETWEEN: 10,
        parts.HOST: 35,
    }  # fmt: skip
    assert {part: 100 * share for part, share in found.items() if share} == pytest.approx(expected)


def test_a_tpu_has_a_line_of_operations(monkeypatch):
    ops = line("XLA Ops", event("%update = f32[8,4]{1,0} fusion(...)", 0, 60), event("%draw = f32[] fusion()", 20, 10))
    trace = trace_of(monkeypatch, {"/device:TPU:0": [line("Steps", event("0", 0, 99)), ops]})
    assert trace.tracks == [[(0, 20, "update"), (20, 30, "draw"), (30, 60, "update")]]


def test_a_trace_without_operations_leaves_all_unattributed(monkeypatch):
    trace = trace_of(monkeypatch, {"/host:CPU": [line("python", event(STEPS_EVENT, 0, 100))]})
    found = profiled(trace, parse(GPU), 1, Spent({STEPS: 2.0, ROWS: 1.0}, 4.0, 1, 10))
    assert found.device is None
    assert found.window[parts.UNKNOWN] == 1
    assert found.training[parts.UNKNOWN] == 0.5
    assert trace_of(monkeypatch, {}).windows == []


SPANS = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 30), st.sampled_from("abc")), max_size=12)


@given(st.lists(SPANS, max_size=3))
def test_shares_add_up_to_the_windows_whatever_runs(tracks):
    """Against a count of whole units of time, each divided among what was going on in it."""
    found = [innermost(Span(float(a), float(a + n), what) for a, n, what in spans) for spans in tracks]
    for spans in found:
        assert all(a.stop <= b.start for a, b in itertools.pairwise(spans))
    times, busy = spent_on(Trace([(0.0, 150.0)], found, "x"))
    assert sum(times.values()) == pytest.approx(150)
    expected, work = dict.fromkeys("abc", 0.0), 0
    for unit in range(150):
        here = [s.what for spans in found for s in spans if s.start <= unit < s.stop]
        work += len(here)
        for what in here:
            expected[str(what)] += 1 / len(here)
    assert {what: times.get(what, 0.0) for what in "abc"} == pytest.approx(expected)
    assert busy * (150 - times.get(OUTSIDE, 0.0)) == pytest.approx(work)
    assert times.get(IDLE, 0.0) + times.get(OUTSIDE, 0.0) == pytest.approx(150 - sum(expected.values()))


@given(SPANS)
def test_innermost_covers_what_the_spans_cover_and_shows_the_last_to_begin(spans):
    given_spans = [Span(float(a), float(a + n), what) for a, n, what in spans]
    found = innermost(given_spans)
    for unit in range(140):
        over = [s for s in given_spans if s.start <= unit < s.stop]
        here = [s.what for s in found if s.start <= unit < s.stop]
        assert len(here) == bool(over)
        nested = all(a.stop <= b.stop or a.start <= b.start for a, b in itertools.permutations(over, 2))
        if over and nested and len({s.start for s in over}) == len(over):
            assert here == [max(over, key=lambda s: s.start).what]


def test_shares_of_a_training_are_those_of_its_clock():
    """A chunk costs Python the same whatever its length: longer ones than those traced have less of it."""
    window = {parts.PRODUCTS: 60.0, parts.OPTIMIZER: 20.0, parts.HOST: 20.0}
    spent = Spent({STEPS: 8.0, ROWS: 0.5, EVALUATION: 0.75, CHECKPOINT: 0.25}, 10.0, 4, 400)
    found = of_training(window, 0.5, spent)
    assert sum(found.values()) == pytest.approx(1)
    assert {part: share for part, share in found.items() if share} == pytest.approx({
        parts.PRODUCTS: 0.45, parts.OPTIMIZER: 0.15, parts.HOST: 0.2, "waiting for rows": 0.05, "evaluation": 0.075,
        "checkpoints": 0.025, LOGGING: 0.05,
    })  # fmt: skip


def test_the_clock_tells_what_came_after():
    clock = Clock()
    with clock.phase(STEPS):
        pass
    before = clock.spent()
    with clock.phase(EVALUATION):
        clock.steps += 3
    since = clock.spent() - before
    assert since.steps == 3
    assert since.seconds[STEPS] == 0
    assert 0 < since.seconds[EVALUATION] <= since.total
    both = since + since
    assert (both.steps, both.total) == (6, 2 * since.total)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="a CPU's planes; a GPU's are tested as written down")
def test_a_real_trace_of_a_product_names_it(tmp_path):
    """A loop that does hardly anything but multiply matrices, traced and read."""

    def loop(a):
        def body(_, a):
            with jax.named_scope("encoder"):
                b = a @ a
            with jax.named_scope("optimizer"):
                return jnp.tanh(b)

        return jax.lax.fori_loop(0, 8, body, a)

    a = jnp.full((700, 700), 0.01)
    compiled = jax.jit(loop).lower(a).compile()
    compiled(a).block_until_ready()
    clock, module = Clock(), parse(compiled.as_text())
    with jax.profiler.trace(tmp_path), clock.phase(STEPS):
        compiled(a).block_until_ready()
    trace = read(next(tmp_path.rglob("*.xplane.pb")), module.name)
    assert len(trace.windows) == 1
    start, stop = trace.windows[0]
    found = profiled(trace, module, 8, Spent(dict(clock.seconds), clock.seconds[STEPS], 1, 8))
    assert sum(found.window.values()) == pytest.approx(1)
    assert found.window[parts.PRODUCTS] > 0.5
    assert 0 < found.window[parts.OPTIMIZER] < 0.5
    assert found.symbols["encoder"] > 0.5
    assert 8 * found.traced_step_seconds == pytest.approx((stop - start) * 1e-9)
    assert (stop - start) * 1e-9 <= clock.seconds[STEPS]
