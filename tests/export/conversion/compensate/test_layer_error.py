from __future__ import annotations

import subprocess
import sys

from export.conversion.compensate.layer_error import LayerError
from pipeline.core import documents
from tests.support.verbs import environment


def test_it_is_read_as_it_was_written_and_without_keras():
    row = LayerError(name="stem", before=0.2, after=0.1)
    assert documents.document_of(row.model_dump_json(), LayerError) == row
    code = (
        "import sys; import export.conversion.compensation, export.conversion.compensate.layer_error; "
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"
