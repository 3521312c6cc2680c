#!/usr/bin/env python3
"""Stands where defuse-worker stands ($DEFUSED_WORKER), runs the real one, and strikes when it reaches a station.

What to do comes from a file beside this run's state: {"station": "probes", "kill": "worker" | "daemon"}. It strikes once: the file is removed
first, so the next attempt runs undisturbed.
"""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

real = Path(__file__).resolve().parent / "real-worker"
if sys.argv[1:] == ["--sandbox"]:   # the daemon asks at its start; nothing to strike
    os.execv(real, [real, *sys.argv[1:]])
plan_file = Path(os.environ.get("DEFUSED_STRIKE", "")) if os.environ.get("DEFUSED_STRIKE") else None
if plan_file is None:   # the supervisor hands down a small environment; the job's folder tells where we are
    plan_file = Path(sys.argv[2]).resolve().parents[1] / "strike.json"
plan = json.loads(plan_file.read_text()) if plan_file.exists() else None

worker = subprocess.Popen([real, *sys.argv[1:]], stdout=subprocess.PIPE)
for line in worker.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    if plan and json.loads(line).get("station") == plan["station"]:
        plan_file.unlink()
        worker.kill()
        if plan["kill"] == "daemon":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
code = worker.wait()
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
