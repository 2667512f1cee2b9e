"""Reads a run's log without the library: frames and checksums here, messages by protoc. Arguments: the log, the folder of event.proto."""
import re
import struct
import subprocess
import sys
import zlib


def crc32c(data):
    r = 0xFFFFFFFF
    for byte in data:
        r ^= byte
        for _ in range(8):
            r = r >> 1 ^ (0x82F63B78 if r & 1 else 0)
    return r ^ 0xFFFFFFFF


def masked(data):
    c = crc32c(data)
    return ((c >> 15 | c << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, sum_of_length = struct.unpack_from("<QI", data, at)
        assert sum_of_length == masked(data[at:at + 8])
        body = data[at + 12:at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body)
        at += 16 + length
        yield body


def decode(kind, body):
    run = subprocess.run(["protoc", "--decode=" + kind, "-I", sys.argv[2], "event.proto"], input=body, stdout=subprocess.PIPE, check=True)
    return run.stdout.decode()


def unquote(text):
    return re.sub(rb"\\([0-7]{3}|.)", lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(m[1], m[1]),
                  text.encode())


def bytes_of(text, field):
    return unquote(re.search(field + r': "((?:[^"\\]|\\.)*)"', text)[1])


def numbers(text, field):
    return [float(x) for x in re.findall(r"\b" + field + r": (\S+)", text)]


def png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        n, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + n]
        assert struct.unpack_from(">I", data, at + 8 + n)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + n
    return struct.unpack(">IIBBBBB", chunks[b"IHDR"]), zlib.decompress(chunks[b"IDAT"])


events = [decode("Event", r) for r in records(open(sys.argv[1], "rb").read())]
assert bytes_of(events[0], "file_version") == b"brain.Event:2"
assert numbers(events[1], "simple_value") == [2.5] and "step" not in events[1]
assert numbers(events[2], "simple_value") == [0.25] and numbers(events[2], "step") == [7] and bytes_of(events[2], "tag") == b"loss/train"
weights, gradients, picture, note, hyper, session, last = events[3:]
for event, tag, w in (weights, b"weights/net.w", [-1, 0, 0.5, 3]), (gradients, b"gradients/net.w", [-2, 0, 1, 6]):
    assert bytes_of(event, "tag") == tag
    for field, value in ("min", min(w)), ("max", max(w)), ("num", 4), ("sum", sum(w)), ("sum_squares", sum(x * x for x in w)):
        assert numbers(event, field) == [value] or value == 0, field
    limits, counts = numbers(event, "bucket_limit"), numbers(event, "bucket")
    assert len(limits) == len(counts) == 64 and limits == sorted(limits) and limits[-1] == max(w) and sum(counts) == 4
    below = -float("inf")
    for limit, count in zip(limits, counts):
        assert count == sum(below <= x < limit for x in w) + (limit == limits[-1])
        below = limit
assert (numbers(picture, "height"), numbers(picture, "width"), numbers(picture, "colorspace")) == ([1], [2], [3])
assert png(bytes_of(picture, "encoded_image_string")) == ((2, 1, 8, 2, 0, 0, 0), b"\0\xff\0\0\0\0\xff")
assert bytes_of(note, "string_val").decode() == "größer *als* gedacht" and numbers(note, "dtype") == [7] and bytes_of(note, "plugin_name") == b"text"
assert bytes_of(hyper, "plugin_name") == b"hparams" and bytes_of(hyper, "tag") == b"_hparams_/session_start_info"
start = decode("Hyper", bytes_of(hyper, "content"))
assert re.findall(r'key: "(\w+)"', start) == ["layers", "lr"] or re.findall(r'key: "(\w+)"', start) == ["lr", "layers"]
assert sorted(numbers(start, "number_value")) == [0.125, 3]
assert numbers(session, "status") == [1] and numbers(session, "step") == [7]
assert numbers(last, "simple_value") == [0.5]
print("as expected:", len(events), "events")
