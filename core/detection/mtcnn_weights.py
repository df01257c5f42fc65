"""MTCNN's weights, read from the files of the `mtcnn` package and kept as safetensors.

The package (1.0.0, MIT) carries the authors' Caffe weights as lists of arrays in joblib's format,
which is a pickle with the arrays' bytes between its opcodes. Nothing is unpickled here: the files
must have the sha256 below, `pickletools` lists the opcodes without executing them, and the bytes
that follow each array's header are read with the shape that the network has. The package itself is
not imported, because that would import TensorFlow.

Source: Zhang, Zhang, Li, Qiao, IEEE Signal Processing Letters 23 (2016) 1499-1503.
"""

import io
import os
import pickletools
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.errors import UserError
from core.files import whole

Arrays = dict[str, NDArray[np.float32]]

FILES = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""network -> sha256 of mtcnn/assets/weights/NETWORK.lz4"""
CONVERTED = "c8e5a3a67dcc35248109c3b0c6bab3862983a03512f6e61c267735ae13f50135"
"""sha256 of names and bytes of all converted arrays, see `digest`"""

CONVS = {
    "pnet": ((3, 3, 10), (3, 10, 16), (3, 16, 32)),
    "rnet": ((3, 3, 28), (3, 28, 48), (2, 48, 64)),
    "onet": ((3, 3, 32), (3, 32, 64), (3, 64, 64), (2, 64, 128)),
}
"""network -> kernel side, input and output channels of each convolution"""
DENSE = {"rnet": (3, 64, 128), "onet": (3, 128, 256)}
"""network -> side and channels of the features, and units of the dense layer on them"""
HEADS = {"pnet": ("box", "face"), "rnet": ("box", "face"), "onet": ("box", "landmarks", "face")}
OUTPUTS = {"box": 4, "landmarks": 10, "face": 2}


def load() -> Arrays:
    """Return the weights of the three networks, `pnet.conv1.weight` and so on, as PyTorch has them.

    They are converted once and kept in the user's cache (XDG_CACHE_HOME, else ~/.cache); a copy
    whose checksum is wrong is made anew. Raises UserError without the package or with other files.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = cache / "cnn-claims" / f"mtcnn-{CONVERTED[:16]}.safetensors"
    try:
        kept = load_file(path)
        if digest(kept) == CONVERTED:
            return kept
    except (OSError, SafetensorError):
        pass  # not there, or damaged
    arrays = {
        f"{net}.{name}": array
        for net in FILES
        for name, array in convert(net, read(net, package_file(net))).items()
    }
    _keep(arrays, path)
    return arrays


def _keep(arrays: Arrays, path: Path) -> None:
    """Write the converted weights; a cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            save_file(arrays, file)
    except OSError:
        pass


def digest(arrays: Arrays) -> str:
    """Hash names, shapes and bytes of arrays (sha256, hexadecimal), whatever their order."""
    total = sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].shape}\0".encode() + arrays[name].tobytes())
    return total.hexdigest()


def package_file(net: str) -> bytes:
    """Return the content of a network's file of the `mtcnn` package, checked by its sha256."""
    wanted = "MTCNN's weights: the package mtcnn 1.0.0 is wanted (pip install mtcnn==1.0.0)"
    try:
        path = metadata.distribution("mtcnn").locate_file(f"mtcnn/assets/weights/{net}.lz4")
        content = Path(str(path)).read_bytes()
    except (metadata.PackageNotFoundError, OSError) as error:
        raise UserError(wanted) from error
    if sha256(content).hexdigest() != FILES[net]:
        raise UserError(f"{path}: not the file that is known; {wanted}")
    return content


def shapes(net: str) -> list[tuple[int, ...]]:
    """List the shapes of a network's arrays in the order and layout of its file."""
    sizes: list[tuple[int, ...]] = []
    for side, n_in, n_out in CONVS[net]:
        sizes += [(side, side, n_in, n_out), (n_out,), (1, 1, n_out)]
    if net not in DENSE:
        n_out = CONVS[net][-1][-1]
        return sizes + [s for h in HEADS[net] for s in ((1, 1, n_out, OUTPUTS[h]), (OUTPUTS[h],))]
    side, channels, units = DENSE[net]
    sizes += [(side * side * channels, units), (units,), (units,)]
    return sizes + [s for h in HEADS[net] for s in ((units, OUTPUTS[h]), (OUTPUTS[h],))]


def read(net: str, content: bytes) -> list[NDArray[np.float32]]:
    """Take the arrays out of a file's content; raise ValueError if it holds other ones."""
    import lz4.frame

    file, wanted = io.BytesIO(lz4.frame.decompress(content)), shapes(net)
    arrays: list[NDArray[np.float32]] = []
    before = ""
    for opcode, _, _ in pickletools.genops(file):
        # The header of an array ends with its fields set (SETITEMS) and applied (BUILD); padding,
        # preceded by its length, and the array's bytes follow.
        if (before, opcode.name) == ("SETITEMS", "BUILD"):
            shape = wanted[len(arrays)]
            file.read(file.read(1)[0])
            values = np.frombuffer(file.read(4 * int(np.prod(shape))), dtype="<f4")
            arrays.append(values.reshape(shape))
        before = opcode.name
    if len(arrays) != len(wanted):
        raise ValueError(f"{net}: {len(arrays)} arrays, wanted {len(wanted)}")
    return arrays


def convert(net: str, arrays: list[NDArray[np.float32]]) -> Arrays:
    """Name the arrays of a file and lay them out as PyTorch wants them.

    Kernels turn from (H, W, in, out) to (out, in, H, W). The dense layer saw features flattened as
    (W, H, channels), Caffe being column-major; its columns are put in the order (channels, H, W).
    """
    rest = iter(arrays)
    named: Arrays = {}
    for index in range(1, len(CONVS[net]) + 1):
        named[f"conv{index}.weight"] = next(rest).transpose(3, 2, 0, 1)
        named[f"conv{index}.bias"] = next(rest)
        named[f"prelu{index}.weight"] = next(rest).reshape(-1)
    if net in DENSE:
        side, channels, units = DENSE[net]
        dense = next(rest).T.reshape(units, side, side, channels)  # (out, W, H, channels)
        named["dense.weight"] = dense.transpose(0, 3, 2, 1).reshape(units, -1)
        named["dense.bias"], named["dense_prelu.weight"] = next(rest), next(rest)
    for head in HEADS[net]:
        named[f"{head}.weight"] = next(rest).reshape(-1, OUTPUTS[head]).T
        named[f"{head}.bias"] = next(rest)
    return {name: np.array(array, order="C") for name, array in named.items()}
