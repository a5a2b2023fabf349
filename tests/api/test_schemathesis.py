"""The OpenAPI document against the server: schemathesis makes up requests, good and bad, and judges the answers."""

import os
import subprocess
import sys
from pathlib import Path

from modelmgr.api.jobs import Job
from tests.api.served import served
from tests.api.stock import Stock

# Not asked for, with the reason:
LEFT_OUT = {
    # The gate looks at a body's kind and size before anyone looks at the path, so that an unknown method may be
    # answered by 400 or 415; test_routes holds 405 and `Allow` for proper requests.
    "unsupported_method",
    # DELETE cancels a job, which can be asked for afterwards.
    "use_after_free",
}

# Statuses that it doesn't know of: an edit of a model that is another by now, or that names no state.
SETTINGS = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429, "5xx"]
missing_required_header.expected-statuses = [400, 401, 403, 406, 415, 422, 428]
"""


def test_the_server_is_what_its_document_says(stock: Stock, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    taken: list[Job] = []  # no job is ever begun: what is made up here must do no harm
    with served(stock.catalog, stock.token, taken.append) as serving:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run"),
                f"{serving.server.address}/api/openapi.json",
                *("--header", f"Authorization: Bearer {serving.client.token}"),
                *("--exclude-path", "/api/events"),  # it does not end
                *("--checks", "all", "--exclude-checks", ",".join(sorted(LEFT_OUT))),
                *("--generation-deterministic", "--max-examples", "8", "--continue-on-failure"),
                *("--request-timeout", "10", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("schemathesis_hooks.py"))},
            capture_output=True,
            timeout=240,
            check=False,
        )  # fmt: skip
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, said[-20_000:]
        assert "14 selected / 15 total" in said
        assert serving.client.get("/api/health").status == 200
    assert len(taken) > 20
    assert not any(job.result for job in taken)
