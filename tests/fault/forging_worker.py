#!/usr/bin/env python3
"""Stands where defuse-worker stands ($DEFUSED_WORKER) and does to the daemon what no TorchScript model can: it is native code that was taken over.

What to do comes from plan.json beside the jobs: {version: word}. It starts from `template`, the result of a gate that passed, and hands it on as its
own, less the one thing that the word names; versions that the plan does not name are left to the real worker.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[2]).resolve()
state = folder.parents[1]
job = json.loads((folder / "job.json").read_text())
plan = json.loads((state / "plan.json").read_text()) if (state / "plan.json").exists() else {}
word = plan.get(job["candidate"]["version"])
if word is None:
    real = Path(__file__).resolve().parent / "real-worker"
    os.execv(real, [str(real), *sys.argv[1:]])


def say(value):
    sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
    sys.stdout.flush()


def forged():
    result = json.loads((state / "template" / "result.json").read_text())
    result["job"] = job["id"]
    result["candidate"] = job["candidate"]
    result["incumbent"] = job["incumbent"]
    return result


def hand_in(result):
    scratch = folder / "tmp-result"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(state / "template", scratch)
    (scratch / "result.json").write_text(result if isinstance(result, str) else json.dumps(result))
    scratch.rename(folder / "result")
    say({"station": "done", "progress": 1})


def end_by(number):
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(60)


def change(*path, value):
    result = forged()
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    hand_in(result)


def fork_and_leave():
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (state / "child.pid").write_text(str(os.getpid()))
        time.sleep(600)
    while not (state / "child.pid").exists():
        time.sleep(0.01)


def ask_for_promotion():
    address = (state / "address").read_text().strip()
    host, port = address.rsplit(":", 1)
    body = b'{"reason":"me"}'
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(f"POST /v1/models/{job['model']}/versions/{job['candidate']['version']}/promote HTTP/1.1\r\nHost: {host}\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        (state / "answer").write_bytes(connection.recv(4096))


def write_verdict_file():
    file = state / "verdicts" / job["model"] / f"{job['candidate']['version']}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"verdict":"pass","ok":true,"reason":"me"}')


def everything_passes(result):
    for check in result["checks"]:
        check["state"], check["reason"] = "pass", "fine"


def forge_states_only():
    result = forged()
    result["checks"][1]["findings"][0]["decision"] = "violation"
    result["checks"][1]["findings"][0]["sentence"] = "harm that a finding still tells of"
    everything_passes(result)
    hand_in(result)


def without(check):
    result = forged()
    result["checks"] = [c for c in result["checks"] if c["check"] != check]
    hand_in(result)


def twice(check):
    result = forged()
    result["checks"] += [c for c in result["checks"] if c["check"] == check]
    hand_in(result)


def modes_off():
    result = forged()
    result["checks"][1]["findings"][0].update(decision="violation", sentence="harm that its check is off for")
    for check in result["checks"]:
        check["mode"] = "off"
    hand_in(result)


def self_waived():
    result = forged()
    finding = result["checks"][1]["findings"][0]
    finding["decision"], finding["sentence"], finding["waiver"] = "violation", "harm, waived by nobody", "w-1"
    hand_in(result)


def linked():
    scratch = folder / "result"
    os.symlink(state / "template", scratch)


def pipe_for_result():
    (folder / "result").mkdir()
    os.mkfifo(folder / "result" / "result.json")


def half_renamed():
    scratch = folder / "tmp-result"
    scratch.mkdir(exist_ok=True)
    (scratch / "result.json").write_text(json.dumps(forged()))


def sleep_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def print_without_end():
    chunk = "x" * 65536
    for _ in range(16384):
        sys.stdout.write(chunk)


def nothing_compared():
    result = forged()
    result["comparison"], result["test_images"] = None, 0
    hand_in(result)


def never_loaded():
    result = forged()
    result["contract"]["loaded"] = False
    result["contract"]["load_error"] = "not a model"
    hand_in(result)


def worse_than_it_says():
    result = forged()
    result["candidate_accuracy"] = 0.1
    hand_in(result)


DO = {
    "faithful": lambda: hand_in(forged()),
    "exit": lambda: None,
    "exit 7": lambda: sys.exit(7),
    "says done": lambda: say({"station": "done", "progress": 1}),
    "says pass": lambda: say({"verdict": "pass", "ok": True}),
    "error and a result": lambda: (say({"error": {"code": "corrupt", "message": "the model is broken"}}), hand_in(forged()), sys.exit(1)),
    "segv": lambda: end_by(signal.SIGSEGV),
    "kill": lambda: end_by(signal.SIGKILL),
    "sys": lambda: end_by(signal.SIGSYS),
    "killed after its result": lambda: (hand_in(forged()), end_by(signal.SIGKILL)),
    "garbage": lambda: hand_in("\x00 no JSON"),
    "empty": lambda: hand_in(""),
    "array": lambda: hand_in("[]"),
    "deep": lambda: hand_in("[" * 5_000_000),
    "oversized": lambda: hand_in(json.dumps(forged())[:-1] + ',"padding":"' + "x" * (300 << 20) + '"}'),
    "schema": lambda: change("schema", value="defused/result/v2"),
    "job": lambda: change("job", value=1),
    "model": lambda: change("model", value="letters"),
    "version": lambda: change("candidate", "version", value="1"),
    "digest": lambda: change("candidate", "digest", value="0" * 64),
    "incumbent": lambda: change("incumbent", "digest", value="0" * 64),
    "no incumbent": lambda: hand_in({**forged(), "incumbent": None}),
    "no checks": lambda: change("checks", value=[]),
    "checks absent": lambda: change("checks", value=None),
    "without contract": lambda: without("contract"),
    "without accuracy": lambda: without("accuracy"),
    "twice": lambda: twice("accuracy"),
    "modes off": modes_off,
    "states": forge_states_only,
    "waived": self_waived,
    "state word": lambda: change("checks", 0, "state", value="passed"),
    "nothing compared": nothing_compared,
    "never loaded": never_loaded,
    "accuracy": worse_than_it_says,
    "link": linked,
    "pipe": pipe_for_result,
    "half": half_renamed,
    "deaf": sleep_deaf,
    "stopped": lambda: end_by(signal.SIGSTOP),
    "prints": print_without_end,
    "forks": fork_and_leave,
    "socket": ask_for_promotion,
    "file": write_verdict_file,
}
DO[word]()
