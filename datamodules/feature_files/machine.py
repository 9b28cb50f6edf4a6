"""The stack machine of pickle, without the part that imports, calls and sets attributes."""

from __future__ import annotations

from typing import Any

from datamodules.feature_files.values import DType, PickledArray, RefusedError, named, reduced

_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
})  # fmt: skip
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_NOTHING = frozenset({"PROTO", "FRAME", "READONLY_BUFFER"})
_LOADS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_STORES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NAMES = frozenset({"GLOBAL", "INST"})
_OTHER_KINDS = "uses the opcode {}, which makes objects of other kinds"


COPIES = 4
"""How often calls may copy a file's values: protocol 2 writes bytes as text, which it encodes."""


class Machine:
    """Runs opcodes one by one. Containers are built-in; everything else is inert.

    An opcode that isn't known here, such as those that make objects or look up extensions, is
    refused.

    Args:
        most: objects and bytes that calls may copy; a file of this many bytes writes each once.
    """

    def __init__(self, most: int) -> None:
        self.left = COPIES * most
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, opcode: str, argument: Any) -> None:
        """Run one opcode.

        Args:
            opcode: its name in `pickletools`.
            argument: what follows it in the file.

        Raises:
            RefusedError: no feature file needs it.
        """
        if opcode in _VALUES:
            self.stack.append(argument)
        elif opcode in _LOADS:
            self.stack.append(self.memo[argument])
        elif opcode in _STORES:
            self.memo[argument] = self.stack[-1]
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            self.stack.append(_EMPTY[opcode]())
        elif opcode in _TUPLES:
            self.stack[-_TUPLES[opcode] :] = [tuple(self.stack[-_TUPLES[opcode] :])]
        elif opcode in _NAMES:
            self.stack.append(named(*argument.split(" ", 1)))
            if opcode == "INST":
                raise RefusedError(_OTHER_KINDS.format(opcode))
        elif opcode not in _NOTHING:
            self._run_rarer(opcode)

    def pop(self) -> Any:
        """Take the topmost value."""
        return self.stack.pop()

    def _run_rarer(self, opcode: str) -> None:
        handler = getattr(self, f"_{opcode.lower()}", None)
        if handler is None:
            raise RefusedError(_OTHER_KINDS.format(opcode))
        handler()

    def _items(self) -> list[Any]:
        """Take everything above the last mark."""
        begin = self.marks.pop()
        items = self.stack[begin:]
        del self.stack[begin:]
        return items

    def _top(self, kind: type) -> Any:
        """The topmost value, which must be of a kind."""
        if type(self.stack[-1]) is not kind:
            raise RefusedError(f"changes a {type(self.stack[-1]).__name__} as if a {kind.__name__}")
        return self.stack[-1]

    def _mark(self) -> None:
        self.marks.append(len(self.stack))

    def _pop_mark(self) -> None:
        self._items()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _tuple(self) -> None:
        self.stack.append(tuple(self._items()))

    def _list(self) -> None:
        self.stack.append(self._items())

    def _frozenset(self) -> None:
        self.stack.append(frozenset(map(_key, self._items())))

    def _append(self) -> None:
        value = self.stack.pop()
        self._top(list).append(value)

    def _appends(self) -> None:
        items = self._items()
        self._top(list).extend(items)

    def _additems(self) -> None:
        items = self._items()
        self._top(set).update(map(_key, items))

    def _dict(self) -> None:
        items = self._items()
        self.stack.append(dict(zip(map(_key, items[::2]), items[1::2], strict=True)))

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._top(dict)[_key(key)] = value

    def _setitems(self) -> None:
        items = self._items()
        self._top(dict).update(zip(map(_key, items[::2]), items[1::2], strict=True))

    def _pop(self) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise RefusedError("names an object by what is no string")
        self.stack.append(named(module, name))

    def _spend(self, arguments: Any) -> None:
        """Count what a call copies, which a short file could ask for again and again."""
        copied = arguments if isinstance(arguments, tuple) else ()
        self.left -= sum(len(one) for one in copied if isinstance(one, str | bytes | list))
        if self.left < 0:
            raise RefusedError("copies the same values again and again")

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self._spend(arguments)
        self.stack.append(reduced(function, arguments))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, DType | PickledArray):
            raise RefusedError(f"sets the state of a {type(target).__name__}")
        self._spend(state)
        target.build(state)


def _key(value: Any) -> Any:
    """A key of a dict or an item of a set; hashing nested tuples could exhaust the C stack."""
    if not isinstance(value, str | int | float | bytes):
        raise RefusedError(f"has a key of type {type(value).__name__}")
    return value
