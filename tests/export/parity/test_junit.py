from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from export.parity.junit import junit

ROW: dict[str, Any] = {
    "model": "int8",
    "look": 2,
    "checks": [
        {"name": "agreement", "verdict": "passed", "text": "agreement is 0.99, must be >= 0.94"},
        {"name": "mean_abs_dp", "verdict": "failed", "text": "mean_abs_dp is 0.1 <&>, must be <= 0.05"},
        {"name": "accuracy_drop", "verdict": "not shown", "text": "accuracy_drop is 0.01"},
    ],
}


@pytest.mark.parametrize(("proof", "failures", "skipped"), [(False, 1, 1), (True, 2, 0)])
def test_every_bound_is_a_case_and_the_totals_add_up(proof, failures, skipped):
    suite = ET.fromstring(junit("fruit & veg", 90, [ROW], require_proof=proof))
    assert (suite.tag, suite.get("name")) == ("testsuite", "parity fruit & veg, n = 90")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["agreement", "mean_abs_dp", "accuracy_drop"]
    assert {case.get("classname") for case in cases} == {"parity.fruit & veg.int8"}
    assert suite.get("tests") == "3"
    assert (len(suite.findall(".//failure")), suite.get("failures")) == (failures, str(failures))
    assert (len(suite.findall(".//skipped")), suite.get("skipped")) == (skipped, str(skipped))
    message = suite.find(".//failure")
    assert message is not None
    assert message.get("message") == "mean_abs_dp is 0.1 <&>, must be <= 0.05"


def test_n_and_the_look_are_properties():
    suite = ET.fromstring(junit("run", 90, [ROW], require_proof=False))
    found = {entry.get("name"): entry.get("value") for entry in suite.iter("property")}
    assert found == {"n": "90", "int8.look": "2"}


def test_what_is_not_shown_says_with_how_many():
    suite = ET.fromstring(junit("run", 90, [ROW], require_proof=False))
    skipped = suite.find(".//skipped")
    assert skipped is not None
    assert skipped.get("message") == "not shown with n = 90: accuracy_drop is 0.01"
