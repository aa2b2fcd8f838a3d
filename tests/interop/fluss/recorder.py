"""recorder.py: a TCP proxy on one loopback port that passes bytes on and remembers what clients ask: (api key, message) in order."""
import socket
import struct
import threading

FRAME_BYTES_MAX = 64 << 20


class Recorder:
    def __init__(self, port, to):
        self.to = (to.rsplit(":", 1)[0], int(to.rsplit(":", 1)[1]))
        self.asked, self.lock = [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def take(self):
        with self.lock:
            asked, self.asked = self.asked, []
            return asked

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.to)
            for link in (near, far):
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, False), daemon=True).start()

    def pump(self, source, sink, requests):
        kept = b""
        try:
            while data := source.recv(1 << 16):
                if requests:
                    kept = self.cut(kept + data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for link in (source, sink):
                try:
                    link.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def cut(self, data):
        """Takes the whole frames off the front: length | api key i16 | version i16 | request id i32 | message."""
        while len(data) >= 4:
            length = struct.unpack_from(">i", data)[0]
            assert 8 <= length <= FRAME_BYTES_MAX, f"a frame of {length} bytes"
            if len(data) < 4 + length:
                break
            with self.lock:
                self.asked.append((struct.unpack_from(">h", data, 4)[0], data[12:4 + length]))
            data = data[4 + length:]
        return data

    def close(self):
        self.listener.close()


def fields(message):
    """The fields of a protobuf message: [(number, value)]; whole numbers, or bytes."""
    found, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            found.append((tag >> 3, varint()))
        elif kind == 2:
            size = varint()
            found.append((tag >> 3, message[at:at + size]))
            at += size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            found.append((tag >> 3, message[at:at + size]))
            at += size
        else:
            raise ValueError(f"wire type {kind}")
    return found
