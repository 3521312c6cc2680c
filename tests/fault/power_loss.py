"""What a disk holds after the power goes, worked out from the log of power-loss.so (tests/support/power_loss.cc).

Strict: a file has the bytes of its last fsync, a folder the names of its last fsync, and nothing else. Torn: the same, and of what was written
to the database since then any part may have arrived too, the last of it cut short or as rubbish; and renamed or new names may have.
Files that were never synced are empty.
"""
import os
import stat
from dataclasses import dataclass, field


@dataclass
class File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list = field(default_factory=list)   # (offset, bytes) or (size, None)

    def apply(self, change):
        at, data = change
        if data is None:
            del self.durable[at:]
            self.durable.extend(bytes(at - len(self.durable)))
            return
        if len(self.durable) < at:
            self.durable.extend(bytes(at - len(self.durable)))
        self.durable[at:at + len(data)] = data

    def sync(self):
        for change in self.pending:
            self.apply(change)
        self.pending.clear()


@dataclass
class Folder:
    durable: dict = field(default_factory=dict)   # name -> inode
    current: dict = field(default_factory=dict)

    def sync(self):
        self.durable = dict(self.current)


class Disk:
    def __init__(self, root):
        """All that is there now counts as written long ago."""
        self.things = {}
        self.root = self._take(root)

    def _take(self, path):
        facts = os.lstat(path)
        if stat.S_ISDIR(facts.st_mode):
            folder = Folder({name: self._take(os.path.join(path, name)) for name in os.listdir(path)})
            folder.current = dict(folder.durable)
            self.things[facts.st_ino] = folder
        else:
            with open(path, "rb") as file:
                self.things[facts.st_ino] = File(bytearray(file.read()))
        return facts.st_ino

    def replay(self, log):
        """Every record of the log, in order; how many there were."""
        raw = log.read_bytes()
        at = count = 0
        while at < len(raw):
            end = raw.index(b"\n", at)
            kind, *words = raw[at:end].decode().split("\t")
            at = end + 1
            length = int(words[-1]) if kind in "WF" else 0
            if at + length > len(raw):
                break   # the blow fell into the record itself
            self._follow(kind, words, raw[at:at + length])
            at += length
            count += 1
        return count

    def _folder(self, inode):
        found = self.things.get(int(inode))
        return found if isinstance(found, Folder) else None

    def _file(self, inode):
        found = self.things.get(int(inode))
        return found if isinstance(found, File) else None

    def _follow(self, kind, words, data):
        if kind == "!":
            raise AssertionError(f"the model of a power loss does not cover this: {words}")
        if kind == "C" and self._folder(words[0]):
            self.things[int(words[2])] = Folder() if words[3] == "d" else File()
            self._folder(words[0]).current[words[1]] = int(words[2])
        elif kind == "E" and self._folder(words[0]):
            self._folder(words[0]).current[words[1]] = int(words[2])
        elif kind == "X" and self._folder(words[0]):
            self._folder(words[0]).current.pop(words[1], None)
        elif kind == "R":
            old, new = self._folder(words[0]), self._folder(words[2])
            if old:
                old.current.pop(words[1], None)
            if new:
                new.current[words[3]] = int(words[4])
        elif kind == "D" and self._folder(words[0]):
            self._folder(words[0]).sync()
        elif kind in "WTSF" and self._file(words[0]):
            file = self._file(words[0])
            if kind == "W":
                file.pending.append((int(words[1]), data))
            elif kind == "T":
                file.pending.append((int(words[1]), None))
            elif kind == "S":
                file.sync()
            else:
                file.durable[:] = data
        elif kind == "Y":
            for thing in self.things.values():
                thing.sync()

    def tear(self, random):
        """Some of what was not synced arrived all the same: of the database a part of its writes, each whole, cut short or as rubbish."""
        for thing in self.things.values():
            if isinstance(thing, Folder):
                if random.random() < 0.5:
                    thing.sync()
                continue
            for offset, data in thing.pending:
                fate = random.random()
                if fate < 0.4 or data is None:
                    continue
                if fate > 0.7:
                    data = data[:random.randrange(len(data) + 1)]
                if fate > 0.9:
                    data = random.randbytes(len(data))
                thing.apply((offset, data))
            thing.pending.clear()

    def write(self, target):
        self._write(self.root, target)

    def _write(self, inode, path):
        thing = self.things.get(inode)
        if isinstance(thing, Folder):
            os.mkdir(path)
            for name, inner in thing.durable.items():
                if not name.endswith("-shm"):   # SQLite never trusts it
                    self._write(inner, os.path.join(path, name))
        else:
            with open(path, "wb") as file:
                file.write(thing.durable if thing else b"")
