"""A compiled program's instructions, read from the text of its optimised HLO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.+?) ([a-z][a-z0-9\-]*)\(")
_MODULE = re.compile(r"^HloModule ([\w.\-]+)")
_CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")
_SCOPES = re.compile(r'op_name="([^"]*)"')
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_SHAPE = re.compile(r"\[([\d,]*)\]")


class Instruction(NamedTuple):
    """What a trace names: its opcode, the source's scopes, the elements it makes, the computation it calls."""

    name: str
    opcode: str
    scopes: str = ""
    elements: int = 1
    called: str | None = None
    target: str = ""


@dataclass(frozen=True)
class Module:
    """All instructions by name, and those of each computation."""

    name: str
    instructions: dict[str, Instruction]
    computations: dict[str, list[Instruction]]

    def leaves(self, instruction: Instruction) -> list[Instruction]:
        """What an instruction is fused of; itself where it calls nothing."""
        inside = self.computations.get(instruction.called or "", [])
        return [leaf for each in inside for leaf in self.leaves(each)] if inside else [instruction]


def parse(text: str) -> Module:
    """The module that `Compiled.as_text()` shows; lines of another form say nothing."""
    found = _MODULE.match(text)
    module, current = Module(found[1] if found else "", {}, {}), []
    for line in text.splitlines():
        if head := _COMPUTATION.match(line):
            current = module.computations.setdefault(head[1], [])
        elif body := _INSTRUCTION.match(line):
            instruction = _instruction(line, *body.groups())
            module.instructions[instruction.name] = instruction
            current.append(instruction)
    return module


def _instruction(line: str, name: str, shape: str, opcode: str) -> Instruction:
    called = _CALLED.search(line) if opcode in ("fusion", "call") else None
    elements = sum(prod(int(n) for n in dims.split(",") if n) for dims in _SHAPE.findall(shape))
    scopes, target = _SCOPES.search(line), _TARGET.search(line)
    return Instruction(
        name, opcode, scopes[1] if scopes else "", elements, called[1] if called else None, target[1] if target else ""
    )
