"""The check of `gsictl check` as one would write it with boto3, for bench-check.

Scans a table in parallel segments and says which items an index on `customer`
(S, partition key) and `created` (N, sort key) takes in, leaves out (an attribute is
missing) and cannot take. Works on what the low-level client returns: the resource's
Python types cost more and say less.

Usage: bench-check-boto3.py URL TABLE SEGMENTS threads|processes
"""

import functools
import json
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import boto3
from botocore.config import Config

# Attribute, its type as a key, the most bytes it may have; the table's key first.
KEYS = (("id", "S", 2048), ("customer", "S", 2048), ("created", "N", None))
# Near enough for a float, which is read ten times as fast as a Decimal.
SMALLEST, LARGEST = 1e-130, 1e126


def fits(value, kind, most):
    text = value.get(kind)
    if text is None:
        return False
    if kind == "N":
        number = abs(float(text))
        return number == 0 or SMALLEST <= number <= LARGEST
    # A character takes at most four bytes: most texts need not be encoded.
    return text != "" and (len(text) * 4 <= most or len(text.encode()) <= most)


def check(item):
    missing = False
    for name, kind, most in KEYS:
        value = item.get(name)
        if value is None:
            missing = True
        elif not fits(value, kind, most):
            return "violating"
    return "sparse" if missing else "in"


@functools.cache
def connect(url, connections):
    return boto3.client(
        "dynamodb", endpoint_url=url, config=Config(max_pool_connections=connections)
    )


def scan_segment(url, table, segment, segments):
    names = {f"#k{number}": name for number, (name, _, _) in enumerate(KEYS)}
    pages = connect(url, segments).get_paginator("scan").paginate(
        TableName=table,
        Segment=segment,
        TotalSegments=segments,
        ProjectionExpression=", ".join(names),
        ExpressionAttributeNames=names,
        ReturnConsumedCapacity="INDEXES",
    )
    counts = {"in": 0, "sparse": 0, "violating": 0}
    for page in pages:
        for item in page["Items"]:
            counts[check(item)] += 1
    return counts


def main():
    url, table, segments, pool = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    kind = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[pool]
    if pool == "threads":
        # Made before they are, so that they share it.
        connect(url, segments)
    with kind(segments) as executor:
        parts = [executor.submit(scan_segment, url, table, n, segments) for n in range(segments)]
        counts = [part.result() for part in parts]
    print(json.dumps({name: sum(part[name] for part in counts) for name in counts[0]}))


if __name__ == "__main__":
    main()
