"""A recording in the kernel's place, through the real agent."""

import json
import signal
import subprocess
import sys
import time

from osmia_agent.replay import Pace
from osmia_events.model import Event

COMMAND = (sys.executable, "-m", "osmia_agent.main", "--server-address=")


def line(number, at="2026-01-02T03:04:05Z"):
    process = {"pid": number, "binary": f"/bin/{number}", "arguments": f"--password=s{number}"}
    return json.dumps({"process_exec": {"process": process}, "node_name": "n", "time": at})


def replay(tmp_path, text, *options, **more):
    recording = tmp_path / "recording.json"
    recording.write_text(text)
    return subprocess.run(
        [*COMMAND, f"--replay={recording}", "--export-filename=-", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )


def test_events_pass_the_pipeline(tmp_path):
    text = "\n".join(line(number) for number in range(2000)) + "\n"
    result = replay(
        tmp_path,
        text,
        "--replay-rate=1000000",
        '--export-denylist={"binary_regex":"7$"}',
        r'--redaction-filters={"redact":"--password=(\\S+)"}',
    )
    assert result.returncode == 0, result.stderr
    events = [json.loads(each) for each in result.stdout.splitlines()]
    processes = [event["process_exec"]["process"] for event in events]
    assert [p["pid"] for p in processes] == [n for n in range(2000) if n % 10 != 7]
    assert {p["arguments"] for p in processes} == {"--password=*****"}
    assert events[0]["time"] == "2026-01-02T03:04:05Z"


def test_lines_that_are_no_events_are_counted(tmp_path):
    result = replay(tmp_path, f"{line(1)}\nnonsense\n\n{{}}x\n{line(2)}\n")
    assert len(result.stdout.splitlines()) == 2
    assert "2 lines of the recording are no events" in result.stderr
    assert "nonsense" not in result.stderr


def test_standard_input_and_no_privileges():
    result = subprocess.run(
        [*COMMAND, "--replay=-", "--export-filename=-"],
        input=line(5) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(result.stdout)["process_exec"]["process"]["pid"] == 5


def test_a_missing_recording_is_named(tmp_path):
    result = subprocess.run(
        [*COMMAND, f"--replay={tmp_path}/nothing", "--export-filename=-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert f"{tmp_path}/nothing" in result.stderr


def test_a_signal_ends_a_slow_replay(tmp_path):
    recording = tmp_path / "recording.json"
    recording.write_text(f"{line(1)}\n{line(2, '2027-01-01T00:00:00Z')}\n")
    process = subprocess.Popen(
        [*COMMAND, f"--replay={recording}", "--export-filename=-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert json.loads(process.stdout.readline())["process_exec"]["process"]["pid"] == 1
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()


def test_own_pace():
    pace = Pace()
    base = 1_700_000_000 * 10**9
    times = [base, base + 500_000_000, base - 10**9, None]
    assert [pace.due_s(Event(time=at)) for at in times] == [0.0, 0.5, 0.0, 0.0]


def test_given_pace():
    pace = Pace(4)
    assert [pace.due_s(Event(time=None)) for _ in range(3)] == [0.0, 0.25, 0.5]
