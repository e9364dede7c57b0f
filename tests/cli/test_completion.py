"""What a shell completes."""

from __future__ import annotations

import pytest

from rgsd.cli.main import COMMANDS, main


def test_every_command_and_its_options_are_completed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["--tyro-print-completion", "bash"])
    assert status.value.code in (0, None)
    script = capsys.readouterr().out
    assert "complete" in script
    for word in {word for name in COMMANDS for word in name.split()}:
        assert f"'{word}'" in script or f'"{word}"' in script, word
    for option in ("--quick", "--no-video", "--settings.kappa", "--clip-set"):  # of evaluate, train and pretrain
        assert option in script
