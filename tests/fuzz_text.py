#!/usr/bin/env python
"""A fuzzer of texts for the model that comes with stance; CONTRIBUTING.md says how it is run."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the fuzzer with the options of libFuzzer and folders of inputs."""
    import atheris

    with atheris.instrument_imports(include=["stance"], exclude=["stance.scoring", "stance.features"]):
        from fuzz_laws import check_text
    atheris.Setup(sys.argv, check_text)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
