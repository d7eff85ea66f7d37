"""A comparison as JUnit XML, for the machines that build: a test case for every bound of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from export.parity import gate as gates


def junit(name: str, n: int, rows: Sequence[Mapping[str, Any]], *, require_proof: bool) -> str:
    """The document.

    Args:
        name: What was compared, e.g. the run's name.
        n: On how many pictures.
        rows: The targets, each with `model`, `look` and `checks`.
        require_proof: Whether "not shown" counts as a failure; else it is skipped, with n as the reason.
    """
    suite = ET.Element("testsuite", name=f"parity {name}, n = {n}")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="n", value=str(n))
    for row in rows:
        look = str(row.get("look", 1))
        ET.SubElement(properties, "property", name=f"{row['model']}.look", value=look)
        for check in row["checks"]:
            case = ET.SubElement(
                suite, "testcase", classname=f"parity.{name}.{row['model']}", name=check["name"], time="0"
            )
            totals["tests"] += 1
            if check["verdict"] == gates.FAILED or (check["verdict"] == gates.NOT_SHOWN and require_proof):
                totals["failures"] += 1
                failure = ET.SubElement(case, "failure", message=check["text"], type=check["verdict"])
                failure.text = f"{check['text']} (n = {n})"
            elif check["verdict"] == gates.NOT_SHOWN:
                totals["skipped"] += 1
                ET.SubElement(case, "skipped", message=f"not shown with n = {n}: {check['text']}")
    for key, value in totals.items():
        suite.set(key, str(value))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
