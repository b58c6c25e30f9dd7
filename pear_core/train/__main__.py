"""`python -m pear_core.train [CONFIG.json] [--key value]...`: stage 1, resuming what is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pear_core.train.config import TrainConfigError, from_arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the run has reached its last step, 2 for a bad configuration."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in given or "-h" in given:
        from pear_core.train.config import TrainConfig

        print(__doc__)
        for name, value in TrainConfig().to_dict().items():
            print(f"  --{name} {value}")
        return 0
    try:
        config = from_arguments(given)
    except TrainConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from pear_core.body.fingerprint import body_fingerprint
    from pear_core.train.parallel import launch
    from pear_core.train.stage1 import train

    launch(config.workers, train, config, body_fingerprint(config.body))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
