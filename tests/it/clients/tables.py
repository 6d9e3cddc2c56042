"""pyarrow's own S3 client (AWS's SDK for C++) and DuckDB's: tables in Parquet, written and read in place."""

import os
import sys
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

endpoint = os.environ["AWS_ENDPOINT_URL"]
address = urlsplit(endpoint).netloc
s3 = fs.S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True, allow_bucket_deletion=True)
s3.create_dir("tables")
table = pa.table({"n": list(range(200_000)), "part": [n % 3 for n in range(200_000)]})
pq.write_table(table, "tables/one/all.parquet", filesystem=s3, row_group_size=20_000)
assert pq.read_table("tables/one/all.parquet", filesystem=s3, columns=["n"], filters=[("n", "<", 5)]).num_rows == 5
ds.write_dataset(table, "tables/parts", format="parquet", partitioning=["part"], filesystem=s3)
parts = ds.dataset("tables/parts", format="parquet", partitioning=["part"], filesystem=s3)
assert parts.count_rows(filter=ds.field("part") == 1) == 66_667
infos = s3.get_file_info(fs.FileSelector("tables", recursive=True))
assert sorted(i.path for i in infos if i.type == fs.FileType.File)[0] == "tables/one/all.parquet"
with s3.open_output_stream("tables/streamed", metadata={"Content-Type": "text/plain"}) as stream:
    for _ in range(15):
        stream.write(b"x" * (1 << 20))
with s3.open_input_file("tables/streamed") as file:
    assert file.size() == 15 << 20 and file.read_at(3, 100) == b"xxx"
s3.copy_file("tables/streamed", "tables/a +ü")
s3.move("tables/a +ü", "tables/moved")
assert s3.get_file_info("tables/moved").size == 15 << 20
assert s3.get_file_info("tables/none").type == fs.FileType.NotFound

# DuckDB takes no endpoint from the environment. Its extension comes with a package of its own.
extension = f"duckdb_ext/extensions/v{duckdb.__version__}/linux_amd64/httpfs.duckdb_extension"
[found] = [path for path in (os.path.join(place, extension) for place in sys.path) if os.path.exists(path)]
connection = duckdb.connect(config={"extension_directory": os.getcwd()})
connection.load_extension(found)
connection.execute(f"""
    CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', REGION 'us-east-1',
                   ENDPOINT '{address}', URL_STYLE 'path', USE_SSL false)""")
query = "SELECT count(*), sum(n) FROM read_parquet('s3://tables/one/*.parquet') WHERE n < 1000"
assert connection.execute(query).fetchone() == (1000, 499_500)
connection.execute("COPY (SELECT range AS n, 'text' || range AS t FROM range(1000000)) TO 's3://tables/duck/big.parquet'")
connection.execute("COPY (SELECT 1 AS a, 'ü' AS b) TO 's3://tables/duck/a b.csv' (HEADER)")
assert connection.execute("SELECT count(*), max(n) FROM 's3://tables/duck/big.parquet'").fetchone() == (1_000_000, 999_999)
assert connection.execute("SELECT b FROM 's3://tables/duck/a b.csv'").fetchone() == ("ü",)
assert pq.read_metadata("tables/duck/big.parquet", filesystem=s3).num_rows == 1_000_000
s3.delete_dir("tables")
