"""The work that goes on while kills fall: one script per line, as a generator that yields whenever it must wait.

Every request may go unanswered because the daemon died. Then it is asked again, unless it turns out to have been carried out. What was
answered is remembered in `world.acknowledged`, and must hold from then on; what was asked and not answered may hold or not.
"""
import datetime

from tiny import variant

EXPIRES = (datetime.date.today() + datetime.timedelta(days=30)).isoformat()
ORDER = {"lambdas": [0.3], "steps": 20}


def path(line, version, what=""):
    return f"/v1/models/{line}/versions/{version}{what}"


def judged(world, line, version):
    while True:
        status, body = world.ask(path(line, version, "/verdict"))
        if status == 200 and body["verdict"]:
            return body
        yield


def released(world, line, version, model):
    world.release(line, version, variant(model, f"{line} {version}"))
    return (yield from judged(world, line, version))


def act(world, key, value, request, done):
    """Asks until it is answered with success, or until `done()` finds that an unanswered request was carried out."""
    world.asked[key] = value
    while True:
        status, body = world.ask(*request)
        if 200 <= status < 300:
            world.acknowledge(key, value)
            return body
        if status not in (0, 409, 503):
            raise AssertionError(f"{request}: {status} {body}")
        yield
        found = done()
        if found:
            return found


def promoted(world, line, version):
    def done():
        status, body = world.ask(f"/v1/models/{line}")
        return status == 200 and body["incumbent"] and body["incumbent"]["version"] == str(version)
    yield from act(world, ("incumbent", line), str(version), (path(line, version, "/promote"), "POST", {"reason": "better"}), done)


def regions_of(world, line, version):
    while True:
        status, report = world.ask(path(line, version, "/report"))
        if status == 200:
            return [region["id"] for region in report["regions"] if region["status"] in ("new", "worse")]
        yield


def labelled(world, line, version, label):
    region = (yield from regions_of(world, line, version))[0]
    def done():
        status, body = world.ask(f"/v1/regions/{region}")
        return status == 200 and body["human_label"] == label
    yield from act(world, ("label", region), label, (f"/v1/regions/{region}/label", "PUT", {"label": label, "note": "seen"}), done)
    # The verdict of the version that holds the region is given again in the light of the word, whatever happens meanwhile.
    while not world.rows("SELECT 1 FROM labels l JOIN verdicts v ON v.model = ? AND v.version = ? AND v.created >= l.at WHERE l.region = ?",
                         line, str(version), region):
        yield


def waived(world, line, version):
    while True:
        status, gate = world.ask(path(line, version, "/gate"))
        if status == 412:
            break
        yield
    for finding in sorted(one["id"] for one in gate["findings"]):
        ticket = f"{line}-{version}-{finding}"
        def done():
            status, body = world.ask(f"/v1/waivers?model={line}")
            return status == 200 and any(waiver["ticket"] == ticket for waiver in body["waivers"])
        yield from act(world, ("waiver", ticket), True, ("/v1/waivers", "POST", {
            "model": line, "finding": finding, "versions": [str(version)], "reason": "known", "ticket": ticket, "expires": EXPIRES}), done)
    while not world.rows("SELECT 1 FROM verdicts v WHERE v.model = ? AND v.version = ? AND v.created >= "
                         "(SELECT max(created) FROM waivers WHERE model = v.model)", line, str(version)):
        yield


def cancelled_and_asked_again(world, line, version, model):
    world.release(line, version, variant(model, f"{line} {version}"))
    def jobs(*states):
        return [job for job, in world.rows(f"SELECT id FROM jobs WHERE model = ? AND version = ? AND state IN ({','.join('?' * len(states))})",
                                           line, str(version), *states)]
    while not jobs("queued", "running", "done", "failed"):
        yield
    while not jobs("cancelled", "done", "failed"):
        for job in jobs("queued", "running"):
            status, _ = world.ask(f"/v1/jobs/{job}", "DELETE")
            if status == 204:
                world.asked[("cancelled", job)] = True
                world.acknowledge(("cancelled", job), True)
        yield
    while not jobs("queued", "running", "done", "failed"):
        world.ask(path(line, version, "/evaluate"), "POST", {})
        yield
    yield from judged(world, line, version)


def corrected(world, line, version):
    def orders():
        return world.rows("SELECT id, state FROM jobs WHERE kind = 'correction' AND model = ? AND version = ?", line, str(version))
    while not orders():
        world.ask(path(line, version, "/correct"), "POST", ORDER)
        yield
    job = orders()[0][0]
    while True:
        status, body = world.ask(f"/v1/jobs/{job}/correction")
        if status == 200:
            world.corrections[(line, version)] = body
            return
        if status not in (0, 503):
            raise AssertionError(f"the correction of {line}/{version}: {status} {body}")
        yield


def line_a(world):
    yield from released(world, "a", 1, "incumbent")
    yield from promoted(world, "a", 1)
    yield from released(world, "a", 2, "good")
    yield from promoted(world, "a", 2)
    yield from released(world, "a", 3, "planted")
    yield from labelled(world, "a", 3, "confirmed")
    yield from released(world, "a", 4, "again")
    yield from released(world, "a", 5, "planted_again")


def line_b(world):
    yield from released(world, "b", 1, "incumbent")
    yield from promoted(world, "b", 1)
    yield from released(world, "b", 2, "planted")
    yield from waived(world, "b", 2)
    yield from cancelled_and_asked_again(world, "b", 3, "good")
    yield from promoted(world, "b", 3)
    yield from released(world, "b", 4, "planted_again")
    yield from labelled(world, "b", 4, "ambiguous")


def line_c(world):
    yield from released(world, "c", 1, "good")
    yield from promoted(world, "c", 1)
    yield from released(world, "c", 2, "planted")
    yield from corrected(world, "c", 2)
    yield from released(world, "c", 3, "again")
    yield from promoted(world, "c", 3)


SCRIPTS = (line_a, line_b, line_c)
