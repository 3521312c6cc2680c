#!/usr/bin/env python3
"""Stands where defuse-worker stands ($DEFUSED_WORKER): runs the real one, stops it at a station, runs a command, and lets it go on. change.json beside
the jobs says where and what: {model: [station, command]}. Once for each model: the command's entry is gone at the next attempt."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[2]).resolve()
file = folder.parents[1] / "change.json"
model = json.loads((folder / "job.json").read_text())["model"]
plan = json.loads(file.read_text()) if file.exists() else {}
station, command = plan.get(model, (None, None))
worker = subprocess.Popen([Path(__file__).resolve().parent / "real-worker", *sys.argv[1:]], stdout=subprocess.PIPE)
for text in worker.stdout:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
    if command and json.loads(text).get("station") == station:
        worker.send_signal(signal.SIGSTOP)
        subprocess.run(["sh", "-c", command], check=True)
        worker.send_signal(signal.SIGCONT)
        command = None
code = worker.wait()
if code < 0:
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
