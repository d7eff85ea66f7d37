"""Which of Android's classes and members the app uses that an older Android lacks.

Reads class files as chapter 4 of the Java Virtual Machine Specification lays them out; only
what is asked for is read from the large jar of Android's classes.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Bytes after the tag of a constant; class, string, method type, module and package hold one index.
_SIZES = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
_UTF8, _CLASS, _NAME_AND_TYPE, _MEMBERS, _WIDE = 1, 7, 12, (9, 10, 11), (5, 6)
# Every object has these, whether or not its class declares them anew.
_OF_OBJECT = (
    "toString",
    "hashCode",
    "equals",
    "getClass",
    "wait",
    "notify",
    "notifyAll",
    "clone",
    "finalize",
)


@dataclass(frozen=True)
class ClassFile:
    """What a class file declares and uses.

    Attributes:
        name: Internal, e.g. `android/view/View`.
        parents: The superclass and the interfaces.
        members: Name and descriptor of its own fields and methods, e.g. `draw(I)V`, `x:I`.
        uses: (class, member) of what it refers to; the member is empty for the class itself.
    """

    name: str
    parents: tuple[str, ...]
    members: frozenset[str]
    uses: frozenset[tuple[str, str]]


def missing(classes: Iterable[bytes], android: Path, oldest: Path) -> list[str]:
    """What the classes use of `android.*` that an older Android does not have.

    A use behind a check of the version is listed too: nothing in a class file tells it apart.
    What is inherited from java.* is not judged: javac holds that to the release that it is given.

    Args:
        classes: Class files.
        android: The jar with the classes that they were compiled against.
        oldest: The jar with the older ones.

    Returns:
        E.g. `android.view.Window.setDecorFitsSystemWindows(Z)V, used by org.example.Main`, sorted.
    """
    found: dict[str, set[str]] = {}
    with zipfile.ZipFile(android) as newer, zipfile.ZipFile(oldest) as older:
        new, old = _Library(newer), _Library(older)
        for data in classes:
            used = read(data)
            for owner, member in used.uses:
                if new.has(owner, member) and not old.has(owner, member):
                    name = owner.replace("/", ".") + ("." + member if member else "")
                    found.setdefault(name, set()).add(used.name.replace("/", "."))
    # A class that is missing says it for all its members.
    absent = {name for name in found if not any(mark in name for mark in ":(")}
    kept = {n: users for n, users in found.items() if n in absent or _owner(n) not in absent}
    return [f"{name}, used by {', '.join(sorted(users))}" for name, users in sorted(kept.items())]


def _owner(name: str) -> str:
    return name.split("(")[0].split(":")[0].rpartition(".")[0]


class _Library:
    """Android's classes, each read when first asked for."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        self._read: dict[str, ClassFile] = {}

    def has(self, owner: str, member: str) -> bool:
        """Whether a class is there and it, or a parent of it in `android.*`, declares a member."""
        if not owner.startswith("android/") or f"{owner}.class" not in self._names:
            return False
        if owner not in self._read:
            self._read[owner] = read(self._archive.read(f"{owner}.class"))
        found = self._read[owner]
        if not member or member in found.members or member.split("(")[0] in _OF_OBJECT:
            return True
        return any(self.has(parent, member) for parent in found.parents)


def read(data: bytes) -> ClassFile:
    """What a class file declares and uses."""
    constants, at = _constants(data)

    def text(index: int) -> str:
        return str(constants[index][1])

    def class_name(index: int) -> str:
        return text(constants[index][1])

    _, this, parent, count = struct.unpack_from(">HHHH", data, at)
    at += 8
    interfaces = struct.unpack_from(f">{count}H", data, at)
    at += 2 * count
    members = set()
    for mark in (":", ""):
        (count,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(count):
            _, name, descriptor, attributes = struct.unpack_from(">HHHH", data, at)
            members.add(text(name) + mark + text(descriptor))
            at += 8
            for _ in range(attributes):
                at += 6 + struct.unpack_from(">HI", data, at)[1]
    uses = set()
    for tag, value in constants.values():
        if tag == _CLASS and not text(value).startswith("["):
            uses.add((text(value), ""))
        elif tag in _MEMBERS:
            owner, pair = value
            name, descriptor = constants[pair][1]
            # Clones of arrays are the only members of theirs.
            if not class_name(owner).startswith("["):
                uses.add((class_name(owner), text(name) + (":" if tag == 9 else "") + text(descriptor)))
    parents = tuple(class_name(index) for index in (parent, *interfaces) if index)
    return ClassFile(class_name(this), parents, frozenset(members), frozenset(uses))


def _constants(data: bytes) -> tuple[dict, int]:
    """The constant pool by index, as (tag, value), and where it ends."""
    (count,) = struct.unpack_from(">H", data, 8)
    constants, at, index = {}, 10, 1
    while index < count:
        tag = data[at]
        if tag == _UTF8:
            (length,) = struct.unpack_from(">H", data, at + 1)
            # Java's own form of UTF-8 differs in characters that no member of Android's has.
            constants[index] = (tag, data[at + 3 : at + 3 + length].decode("utf-8", "replace"))
            at += 3 + length
        else:
            if tag == _CLASS:
                constants[index] = (tag, struct.unpack_from(">H", data, at + 1)[0])
            elif tag in (*_MEMBERS, _NAME_AND_TYPE):
                constants[index] = (tag, struct.unpack_from(">HH", data, at + 1))
            at += 1 + _SIZES[tag]
        index += 2 if tag in _WIDE else 1
    return constants, at
