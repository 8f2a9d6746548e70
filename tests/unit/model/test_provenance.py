from __future__ import annotations

import datetime
import stat
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from model.data.video import write_mp4
from model.data.worlds import make_clips
from model.job import VideoShape
from model.provenance import (
    Provenance,
    VideoSigner,
    load_signer,
    own_signer,
    read_manifest,
    sign_video,
)

MADE = Provenance(
    prompt="ein roter Ball fällt",
    seed=2**63 + 5,
    checkpoint="bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    settings={"sampler": "euler", "steps": 24, "guidance": 1.5},
    version="0.1.0",
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> VideoSigner:
    return own_signer(tmp_path_factory.mktemp("state") / "provenance")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, signer: VideoSigner) -> Path:
    path = tmp_path_factory.mktemp("videos") / "ball.mp4"
    clips = make_clips(num_clips=1, seed=0, shape=VideoShape(num_frames=4, height=32, width=32), laws=["gravity"])
    write_mp4(path, clips.frames[0], height=64)
    sign_video(path, MADE, signer)
    return path


def test_a_signed_video_gives_back_what_it_was_made_from(signed: Path, signer: VideoSigner) -> None:
    manifest = read_manifest(signed)
    assert manifest is not None
    assert (manifest.provenance, manifest.generator, manifest.matches) == (MADE, "Ten Wings", True)
    assert manifest.signer == "Ten Wings installation, Ten Wings (self-signed)"
    assert not manifest.trusted
    assert [path.name for path in signed.parent.iterdir()] == ["ball.mp4"]
    known = read_manifest(signed, signer.chain_pem.decode())
    assert known is not None
    assert known.trusted


def test_it_says_that_a_trained_model_created_the_video(signed: Path) -> None:
    data = signed.read_bytes()
    assert b"c2pa.created" in data
    assert b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia" in data


def test_a_changed_frame_and_a_changed_prompt_no_longer_match(signed: Path, tmp_path: Path) -> None:
    data = signed.read_bytes()
    picture = bytearray(data)
    picture[-200] ^= 1
    prompt = data.replace(b"ein roter Ball", b"ein gelbe Ball")
    for name, changed, code in (
        ("picture", bytes(picture), "assertion.bmffHash.mismatch"),
        ("prompt", prompt, "assertion.hashedURI.mismatch"),
    ):
        assert changed != data
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(changed)
        manifest = read_manifest(path)
        assert manifest is not None
        assert not manifest.matches
        assert code in manifest.failures


def test_a_video_without_a_manifest_has_none_and_a_cut_one_is_refused(signed: Path, tmp_path: Path) -> None:
    plain, cut = tmp_path / "plain.mp4", tmp_path / "cut.mp4"
    write_mp4(plain, np.zeros((2, 16, 16, 3), np.uint8), height=32)
    assert read_manifest(plain) is None
    cut.write_bytes(signed.read_bytes()[:1000])
    with pytest.raises(ValueError, match="cannot read the manifest of"):
        read_manifest(cut)


def test_another_installation_is_not_trusted(signed: Path, tmp_path: Path) -> None:
    other = own_signer(tmp_path / "other")
    manifest = read_manifest(signed, other.chain_pem.decode())
    assert manifest is not None
    assert not manifest.trusted
    assert manifest.matches


def test_an_own_signer_is_made_once_with_a_key_that_others_cannot_read(tmp_path: Path) -> None:
    first, again = own_signer(tmp_path / "provenance"), own_signer(tmp_path / "provenance")
    assert first == again
    assert stat.S_IMODE((tmp_path / "provenance" / "key.pem").stat().st_mode) == 0o600
    leaf, root = x509.load_pem_x509_certificates(first.chain_pem)
    leaf.verify_directly_issued_by(root)
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == datetime.timedelta(days=3650)
    assert first.algorithm == "es256"


def test_a_key_that_is_not_the_certificates_is_refused(tmp_path: Path) -> None:
    own_signer(tmp_path / "one")
    own_signer(tmp_path / "two")
    with pytest.raises(ValueError, match=r"the first certificate of .* is not that of the key"):
        load_signer(tmp_path / "one" / "chain.pem", tmp_path / "two" / "key.pem")
    with pytest.raises(ValueError, match=r"expected a PEM chain in .* and an unencrypted PEM key"):
        load_signer(tmp_path / "one" / "key.pem", tmp_path / "one" / "chain.pem")


def test_what_cannot_be_signed_is_refused_and_left_as_it_was(tmp_path: Path, signer: VideoSigner) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(ValueError, match=r"cannot sign .*text.mp4"):
        sign_video(path, MADE, signer)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("text.mp4", "no video")]
    with pytest.raises(ValueError, match="expected a seed of 64 bits, got -1"):
        Provenance(prompt="", seed=-1, checkpoint="x", settings={})
