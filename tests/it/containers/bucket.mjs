// A bucket that is made at run time, by the SDK for JavaScript as it comes: nothing but a container's
// variables tells it where S3 is and how buckets are addressed there.

import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_MODULES + "/");
const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand } = require("@aws-sdk/client-s3");

const s3 = new S3Client({});
await s3.send(new CreateBucketCommand({ Bucket: "made-later" }));
await s3.send(new PutObjectCommand({ Bucket: "made-later", Key: "a", Body: "kept" }));
const got = await s3.send(new GetObjectCommand({ Bucket: "made-later", Key: "a" }));
console.log(await got.Body.transformToString());
