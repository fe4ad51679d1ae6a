"""Signals: noted while a training asks for it, an exception elsewhere, the end where compiled code goes on and on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from aecli.training.stopping import StopRequest, guarded, stop_requests

BUSY = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"  # minutes in C, which looks at no signal
BEGIN = "import sys; from aecli.training.stopping import guarded, last_words, stop_requests"


@pytest.fixture(autouse=True)
def _heard():
    """SIGINT is ignored where these tests run in the background of a shell, and in what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def signalled(number: int) -> None:
    """The handler runs within it."""
    os.kill(os.getpid(), number)
    time.sleep(1)


def child(body: str) -> subprocess.Popen[str]:
    """A guarded process that says "ready" before it runs the body."""
    program = f"{BEGIN}\nwith guarded():\n    print('ready', flush=True)\n" + "".join(
        f"    {x}\n" for x in body.split("\n")
    )
    begun = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert begun.stdout
    assert begun.stdout.readline() == "ready\n"
    time.sleep(0.2)  # within the body
    return begun


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_compiled_code_does_not_keep_a_process(number, code):
    words = "lambda n: print('last words', n, flush=True)"
    found = child(f"with last_words({words}), stop_requests():\n    {BUSY}")
    began = time.monotonic()
    found.send_signal(number)
    out, err = found.communicate(timeout=60)
    assert (found.returncode, out) == (code, f"last words {int(number)}\n")
    assert err == f"error: stopped by {number.name}, while compiled code ran\n"
    assert 3 < time.monotonic() - began < 30


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_a_finaliser_is_not_lost(number, code):
    """Python swallows what is raised there, with a line on stderr."""
    late = f"import os, time\nclass Late:\n    def __del__(self):\n        os.kill(os.getpid(), {int(number)})\n"
    body = f"{late}        time.sleep(0.1)\nLate()\ntime.sleep(20)"
    guarded = f"try:\n    with guarded():\n{textwrap.indent(body, ' ' * 8)}"
    program = f"{BEGIN}\n{guarded}\nexcept KeyboardInterrupt:\n    sys.exit(130)"
    began = time.monotonic()
    found = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (code, "")
    assert time.monotonic() - began < 10


def test_a_second_signal_stops_at_once():
    found = child(BUSY)
    found.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    began = time.monotonic()
    found.send_signal(signal.SIGINT)
    _, err = found.communicate(timeout=60)
    assert (found.returncode, err) == (143, "error: stopped by SIGTERM\n")
    assert time.monotonic() - began < 3


def test_a_state_on_its_way_to_the_disk_gets_its_time():
    saving = "    with stop.saving():\n        import time; time.sleep(7)"
    found = child(f"with stop_requests() as stop:\n    while not stop: pass\n{saving}\nprint('saved')")
    found.send_signal(signal.SIGTERM)
    out, err = found.communicate(timeout=60)
    assert (found.returncode, out) == (0, "saved\n")
    assert err == "saving: a second signal stops at once\n"


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_where_nobody_notes_it_a_signal_is_an_exception(number, error):
    with guarded(), pytest.raises(error):
        signalled(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_is_noted_and_all_is_as_before_afterwards(number):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    for outer in (True, False):
        with guarded() if outer else stop_requests(), stop_requests() as stop:
            assert not stop
            os.kill(os.getpid(), number)
            assert stop
            assert stop.signal == number
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_what_the_process_was_started_to_ignore_stays_ignored():
    body = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{BEGIN}\nwith guarded():\n    {body}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "goes on\n"


def test_saving_within_saving_does_not_end_it():
    """What waits for the disk after a checkpoint was handed over has the same time as the handing over."""
    stop = StopRequest()
    with stop.saving():
        with stop.saving():
            assert stop.is_saving
        assert stop.is_saving
    assert not stop.is_saving
