#!/usr/bin/env python
"""A fuzzer of `stance.load` and of the models that come out; CONTRIBUTING.md says how it is run."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the fuzzer with the options of libFuzzer and folders of inputs."""
    import atheris

    with atheris.instrument_imports(
        include=["stance"],
        exclude=["stance.scoring", "stance.features", "stance.results", "stance.notebook", "stance.views"],
    ):
        from fuzz_laws import check_model_file
        from fuzz_mutations import Mutations
    mutations = Mutations(lambda data, max_size: atheris.Mutate(data, max_size))  # it is another once the fuzzer runs
    atheris.Setup(
        sys.argv,
        lambda data: check_model_file(data) and None,
        custom_mutator=mutations.mutated,
        custom_crossover=mutations.crossed,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
