"""s3fs (fsspec over aiobotocore), told nothing but the standard variables."""

import os

import fsspec
import s3fs

fs = s3fs.S3FileSystem()
fs.mkdir("fsspec")
large = os.urandom(1 << 20) * 12
with fs.open("fsspec/deep/large", "wb", block_size=5 << 20) as file:
    for at in range(0, len(large), 100_000):
        file.write(large[at : at + 100_000])
fs.pipe({"fsspec/deep/a +ü": b"text", "fsspec/b": b"more"})
assert fs.cat("fsspec/deep/a +ü") == b"text"
with fs.open("fsspec/deep/large", "rb", block_size=1 << 20) as file:
    file.seek(5_000_000)
    assert file.read(1000) == large[5_000_000:5_001_000]
assert fs.size("fsspec/deep/large") == len(large)
assert sorted(fs.find("fsspec")) == ["fsspec/b", "fsspec/deep/a +ü", "fsspec/deep/large"]
assert fs.isdir("fsspec/deep") and fs.isfile("fsspec/b") and not fs.exists("fsspec/c")
fs.copy("fsspec/deep", "fsspec/copy", recursive=True)
assert fs.cat_file("fsspec/copy/large", start=-5) == large[-5:]
fs.mv("fsspec/b", "fsspec/moved")
assert fs.glob("fsspec/*") == ["fsspec/copy", "fsspec/deep", "fsspec/moved"]
fs.setxattr("fsspec/moved", who="me")
assert fs.getxattr("fsspec/moved", "who") == "me"
fs.put_tags("fsspec/moved", {"a": "b"})
assert fs.get_tags("fsspec/moved") == {"a": "b"}
with fsspec.open("s3://fsspec/text.txt", "w") as file:
    file.write("text")
assert fs.cat("fsspec/text.txt") == b"text"
fs.rm("fsspec", recursive=True)
assert not fs.exists("fsspec")
try:
    fs.open("fsspec/gone", "rb")
    raise AssertionError("a missing bucket was opened")
except FileNotFoundError:
    pass
