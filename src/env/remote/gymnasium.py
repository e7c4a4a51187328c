"""Lets a trainer drive a Gymnasium environment, by the protocol of docs/protocol.md.

The trainer starts it as `python3 -c TEXT SETTINGS`, with the channel as file descriptor 0. SETTINGS is JSON: id, keywords,
wrappers, small_seeds.
"""

import contextlib
import importlib
import json
import os
import platform
import select
import signal
import socket
import struct
import sys
import threading
import traceback

MAGIC, VERSION = b"acritic\n", 1
HEADER, STEP = struct.Struct("<QB"), struct.Struct("<dB")
FAILED, NOT_UNDERSTOOD, PACKAGE, UNKNOWN_ID, SPACE = 0, 1, 16, 17, 18


class Refused(Exception):
    """A failure that has a code of its own."""

    def __init__(self, code, report):
        super().__init__(report)
        self.code = code


def take_channel():
    """Moves the channel away from where the environment could read or write it: what it prints goes to standard error."""
    channel = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return channel


def end_with_trainer(channel):
    """Ends this process when the trainer does, in the middle of a step too."""
    # Ctrl-C and a cluster's SIGTERM reach every process of a run. The trainer decides what they mean.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)

    def wait():
        poll = select.poll()
        poll.register(channel, 0)  # Only that the other side is gone.
        poll.poll()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
    with contextlib.suppress(Exception):  # On Linux, even from code that never lets another thread run.
        import ctypes

        parent_death_signal = 1
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


def read_exactly(reader, count):
    data = reader.read(count)
    if len(data) < count:
        raise EOFError
    return data


def read_frame(reader):
    length, kind = HEADER.unpack(read_exactly(reader, 9))
    if length > 1 << 24:
        raise EOFError  # No trainer sends so much: what follows cannot be found.
    return kind, read_exactly(reader, length)


def send(channel, kind, body):
    channel.sendall(HEADER.pack(len(body), kind) + body)


def text(value):
    data = value.encode("utf-8", "replace")
    return struct.pack("<I", len(data)) + data


def named(path):
    """Imports `module:attribute`."""
    module, _, attribute = path.partition(":")
    if not attribute:
        raise Refused(FAILED, f"a wrapper must be named as `module:attribute`, got `{path}`")
    found = importlib.import_module(module)
    for name in attribute.split("."):
        found = getattr(found, name)
    return found


def make(settings):
    try:
        import gymnasium
    except ImportError as error:
        raise Refused(PACKAGE, f"gymnasium: {error}") from error
    missing = (ImportError, getattr(gymnasium.error, "DependencyNotInstalled", ImportError))
    try:
        environment = gymnasium.make(settings["id"], **settings["keywords"])
        for wrapper in settings["wrappers"]:
            environment = named(wrapper["path"])(environment, **wrapper["keywords"])
        return environment
    except (gymnasium.error.UnregisteredEnv, gymnasium.error.DeprecatedEnv) as error:
        raise Refused(UNKNOWN_ID, str(error)) from error
    except missing as error:
        raise Refused(PACKAGE, str(error)) from error


class Parts:
    """The boxes of a space, flattened: a Dict in the order of its keys, a Tuple by position, a Box row by row."""

    def __init__(self, space, what):
        import numpy

        self.numpy, self.f32 = numpy, numpy.dtype("<f4")
        self.boxes = list(self.find(space, what, ()))
        self.single = len(self.boxes) == 1 and self.boxes[0][0] == ()

    def find(self, space, what, path):
        from gymnasium import spaces

        if isinstance(space, spaces.Dict):
            for key, part in space.spaces.items():
                yield from self.find(part, f"{what}[{key!r}]", (*path, key))
        elif isinstance(space, spaces.Tuple):
            for i, part in enumerate(space.spaces):
                yield from self.find(part, f"{what}[{i}]", (*path, i))
        elif isinstance(space, spaces.Box):
            yield path, space
        else:
            raise Refused(SPACE, f"the {what} is {space}")

    def cast(self, values):
        """Casts to f32, once; what is too large for it becomes infinite, which the trainer reports."""
        with self.numpy.errstate(over="ignore"):
            return self.numpy.asarray(values).astype(self.f32, copy=False)

    def bounds(self):
        low = b"".join(self.cast(box.low).tobytes() for _, box in self.boxes)
        high = b"".join(self.cast(box.high).tobytes() for _, box in self.boxes)
        return struct.pack("<I", len(low) // 4) + low + high

    def flatten(self, value):
        if self.single:
            return self.one(value, self.boxes[0][1], ())
        data = []
        for path, box in self.boxes:
            part = value
            for key in path:
                part = part[key]
            data.append(self.one(part, box, path))
        return b"".join(data)

    def one(self, value, box, path):
        array = self.numpy.asarray(value)
        if array.shape != box.shape:
            raise ValueError(f"the observation{list(path) or ''} must have shape {box.shape}, got {array.shape}")
        if array.dtype == self.f32:
            return array.tobytes()
        return self.cast(array).tobytes()


def versions(environment):
    """The version of each package that has a part in a step, as far as it says."""
    packages = {"python": platform.python_version()}
    modules = {"gymnasium", "numpy", "mujoco", "dm_control", "shimmy", "pybullet", "Box2D"}
    layer = environment
    while layer is not None:
        modules.add(type(layer).__module__.partition(".")[0])
        layer = getattr(layer, "env", None)
    from importlib import metadata

    for name in sorted(modules & set(sys.modules)):
        version = getattr(sys.modules[name], "__version__", None)
        if version is None:
            with contextlib.suppress(Exception):
                version = metadata.version(name)
        if version is not None:
            packages[name] = str(version)
    return packages


class Simulator:
    def __init__(self, settings):
        self.name, self.seeds = settings["id"], 1 << (32 if settings.get("small_seeds") else 64)
        self.environment = make(settings)
        self.observations = Parts(self.environment.observation_space, "observation space")
        actions = self.environment.action_space
        self.actions = Parts(actions, "action space")
        import numpy

        if not self.actions.single or not numpy.issubdtype(actions.dtype, numpy.floating):
            raise Refused(SPACE, f"the action space is {actions}")
        self.shape, self.dtype = actions.shape, actions.dtype
        self.numpy, self.f32, self.from_buffer = numpy, numpy.dtype("<f4"), numpy.frombuffer
        self.bytes = 4 * int(numpy.prod(actions.shape))

    def hello(self):
        found = versions(self.environment)
        body = MAGIC + struct.pack("<I", VERSION) + text(self.name) + struct.pack("<I", len(found))
        body += b"".join(text(name) + text(version) for name, version in found.items())
        return body + self.observations.bounds() + self.actions.bounds()

    def reset(self, body):
        (seed,) = struct.unpack("<Q", body)
        observation, _ = self.environment.reset(seed=seed % self.seeds)
        return self.observations.flatten(observation)

    def step(self, body):
        if len(body) != self.bytes:
            raise Refused(NOT_UNDERSTOOD, f"an action must have {self.bytes} bytes, got {len(body)}")
        # A copy, which the environment may change.
        action = self.from_buffer(body, self.f32).astype(self.dtype).reshape(self.shape)
        observation, reward, terminated, truncated, _ = self.environment.step(action)
        flags = bool(terminated) | bool(truncated) << 1
        return STEP.pack(reward, flags) + self.observations.flatten(observation)

    def picture(self):
        pixels = self.numpy.asarray(self.environment.render())
        if pixels.ndim != 3 or pixels.shape[2] < 3:
            raise ValueError("a picture needs the keyword argument render_mode='rgb_array' and an environment that has it")
        height, width, _ = pixels.shape
        return struct.pack("<II", width, height) + pixels[:, :, :3].astype(self.numpy.uint8).tobytes()


def failure(error):
    code = error.code if isinstance(error, Refused) else FAILED
    report = str(error) if isinstance(error, Refused) else traceback.format_exc().strip()
    # The end of a traceback says what happened.
    return bytes([code]) + text(report[-8000:])


def main():
    channel = take_channel()
    end_with_trainer(channel)
    reader, simulator = open(channel.fileno(), "rb", closefd=False), None
    try:
        while True:
            kind, body = read_frame(reader)
            try:
                if kind == ord("H"):
                    simulator = Simulator(json.loads(sys.argv[1]))
                    answer = ord("h"), simulator.hello()
                elif kind == ord("R") and simulator:
                    answer = ord("o"), simulator.reset(body)
                elif kind == ord("P") and simulator:
                    answer = ord("p"), simulator.picture()
                elif kind == ord("S") and simulator:
                    answer = ord("s"), simulator.step(body)
                else:
                    raise Refused(NOT_UNDERSTOOD, f"a request must be H, then R, S and P, got {chr(kind)!r}")
            except Exception as error:
                answer = ord("e"), failure(error)
            send(channel, *answer)
    except (EOFError, OSError):
        pass  # The trainer has closed the channel.
    finally:
        if simulator is not None:
            with contextlib.suppress(Exception):
                simulator.environment.close()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


main()
