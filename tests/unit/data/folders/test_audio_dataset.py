"""Sounds of a folder that cannot be read."""

import pytest

from pronghorn.data.folders.audio_dataset import read_wav


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "it ends too early"), (b"RIFF", "it ends too early"), (b"RIFX" * 9, "not start with RIFF")],
)
def test_what_is_no_sound_is_named(tmp_path, content, why):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.wav is no uncompressed WAV file: .*{why}.*\. Replace the file"):
        read_wav(str(path))
