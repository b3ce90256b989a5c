"""get_file: checked, atomic, and safe against hostile archives. No network: all from file URLs."""

import hashlib
import io
import os
import pathlib
import tarfile
import zipfile

import pytest

from pronghorn.utils import get_file


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "data.txt").write_bytes(b"good")
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_downloads_once(site, cache):
    url = (site / "data.txt").as_uri()
    path = get_file(origin=url, cache_dir=cache)
    assert path == str(cache / "datasets" / "data.txt")
    (site / "data.txt").unlink()
    assert get_file(origin=url, cache_dir=cache) == path


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_checksum_by_its_length(site, cache, algorithm):
    digest = hashlib.new(algorithm, b"good").hexdigest()
    get_file(origin=(site / "data.txt").as_uri(), cache_dir=cache, file_hash=digest)


def test_wrong_checksum_keeps_nothing(site, cache):
    with pytest.raises(ValueError, match="damaged or another version"):
        get_file(origin=(site / "data.txt").as_uri(), cache_dir=cache, file_hash=sha256(b"else"))
    assert os.listdir(cache / "datasets") == []


def test_a_failed_download_keeps_the_file_that_was_there(site, cache):
    url = (site / "data.txt").as_uri()
    path = get_file(origin=url, cache_dir=cache)
    (site / "data.txt").unlink()
    with pytest.raises(ConnectionError, match="by hand"):
        get_file(origin=url, cache_dir=cache, force_download=True)
    assert open(path, "rb").read() == b"good"
    assert os.listdir(cache / "datasets") == ["data.txt"]


def test_a_file_that_does_not_fit_is_downloaded_again(site, cache):
    url = (site / "data.txt").as_uri()
    path = get_file(origin=url, cache_dir=cache)
    with open(path, "w") as out:
        out.write("bad")
    get_file(origin=url, cache_dir=cache, file_hash=sha256(b"good"))
    assert open(path, "rb").read() == b"good"


def test_the_message_says_where_to_put_the_file(cache, tmp_path):
    with pytest.raises(ConnectionError) as caught:
        get_file("x.npz", (tmp_path / "nothing").as_uri(), cache_dir=cache)
    message = str(caught.value)
    assert str(cache / "datasets" / "x.npz") in message and "\n" not in message


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b"])
def test_file_names_with_folders_are_refused(site, cache, name):
    with pytest.raises(ValueError, match="bare file name"):
        get_file(name, (site / "data.txt").as_uri(), cache_dir=cache)


def test_origin_is_needed():
    with pytest.raises(ValueError, match="origin"):
        get_file("x")


def make_tar(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for member, data in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def link(name, target, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_unpacks_tar_and_zip(site, cache):
    make_tar(site / "a.tar.gz", ("folder/x.txt", b"x"), ("y.txt", b"y"))
    with zipfile.ZipFile(site / "b.zip", "w") as archive:
        archive.writestr("folder/x.txt", "x")
    tar = get_file(origin=(site / "a.tar.gz").as_uri(), cache_dir=cache, extract=True)
    assert tar == str(cache / "datasets" / "a.tar.gz")
    assert open(os.path.join(tar, "folder", "x.txt")).read() == "x"
    zipped = get_file(origin=(site / "b.zip").as_uri(), cache_dir=cache, extract=True)
    assert open(os.path.join(zipped, "folder", "x.txt")).read() == "x"


@pytest.mark.parametrize(
    ("fname", "folder", "file"),
    [
        (None, "x.tar.gz", "x.tar.gz_archive"),
        ("named", "named", "named_archive"),
        ("named.tar.gz", "named_extracted", "named.tar.gz"),
        ("my.data.zip", "my_extracted", "my.data.zip"),
        (pathlib.Path("named.tgz"), "named_extracted", "named.tgz"),
    ],
)
@pytest.mark.parametrize(
    "how", [{"extract": True}, {"untar": True}, {"extract": True, "archive_format": ["zip", "tar"]}]
)
def test_where_archives_are_unpacked(site, cache, fname, folder, file, how):
    """As Keras 3.15.1 does, which was tried out."""
    make_tar(site / "x.tar.gz", ("a.txt", b"a"))
    for _ in range(2):
        found = get_file(fname, (site / "x.tar.gz").as_uri(), cache_dir=cache, cache_subdir="deep/er", **how)
        assert found == str(cache / "deep" / "er" / folder)
        assert sorted(os.listdir(cache / "deep" / "er")) == sorted([folder, file])
        assert os.listdir(found) == ["a.txt"]


def test_a_name_is_taken_as_the_address_has_it(site, cache):
    """Keras leaves its escapes too."""
    (site / "my data.txt").write_text("x")
    assert get_file(origin=(site / "my data.txt").as_uri(), cache_dir=cache).endswith("my%20data.txt")


def test_untar_takes_no_zip(site, cache):
    with zipfile.ZipFile(site / "b.zip", "w") as archive:
        archive.writestr("x.txt", "x")
    with pytest.warns(UserWarning, match="no tar archive"):
        folder = get_file(origin=(site / "b.zip").as_uri(), cache_dir=cache, untar=True)
    assert not os.path.exists(folder)


def test_the_cache_may_lie_in_the_home_folder(site, cache, monkeypatch):
    monkeypatch.setenv("HOME", str(cache.parent))
    (site / "x.txt").write_text("x")
    found = get_file(origin=(site / "x.txt").as_uri(), cache_dir=f"~/{cache.name}")
    assert found == str(cache / "datasets" / "x.txt")


def test_untar_goes_to_the_name(site, cache):
    make_tar(site / "a.tar.gz", ("x.txt", b"x"))
    folder = get_file("a", (site / "a.tar.gz").as_uri(), cache_dir=cache, untar=True)
    assert folder == str(cache / "datasets" / "a") and os.listdir(folder) == ["x.txt"]


@pytest.mark.parametrize(
    "member",
    [
        "../evil.txt",
        "/evil.txt",
        "a/../../evil.txt",
        "..\\evil.txt",
        "C:\\evil.txt",
        link("link", "/etc/passwd", tarfile.SYMTYPE),
        link("link", "x.txt", tarfile.LNKTYPE),
        link("device", "", tarfile.CHRTYPE),
    ],
    ids=lambda member: getattr(member, "name", member),
)
def test_hostile_tars_leave_nothing_behind(site, cache, member):
    make_tar(site / "a.tar.gz", ("x.txt", b"x"), (member, b""))
    with pytest.raises(ValueError, match="not unpacked"):
        get_file(origin=(site / "a.tar.gz").as_uri(), cache_dir=cache, extract=True)
    assert os.listdir(cache / "datasets") == ["a.tar.gz_archive"]


def test_hostile_zips_leave_nothing_behind(site, cache):
    with zipfile.ZipFile(site / "a.zip", "w") as archive:
        archive.writestr("x.txt", "x")
        archive.writestr("../evil.txt", "x")
    with pytest.raises(ValueError, match="outside its folder"):
        get_file(origin=(site / "a.zip").as_uri(), cache_dir=cache, extract=True)
    assert os.listdir(cache / "datasets") == ["a.zip_archive"]
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(site / "b.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ValueError, match="a link"):
        get_file(origin=(site / "b.zip").as_uri(), cache_dir=cache, extract=True)
