"""What PyTorch computes for samples of linear algebra. Their matrices are made regular as in samples_linalg.c, and symmetric of the triangle that is read,
so that PyTorch's gradient is that of the numbers that are read."""
import torch


def dominant(x):
    return x + (2 * max(x.shape[-2:]) + 1) * torch.eye(*x.shape[-2:], dtype=x.dtype)


def exchanged(x):
    return dominant(x).flip(-2)


def cholesky(s, x):
    x = dominant(x).mT if s["keepdim"] else dominant(x)
    l = torch.linalg.cholesky(x.tril() + x.tril(-1).mT)
    return l.mT if s["keepdim"] else l


def triangular(a, b, upper):
    """With a vector b, and leading axes that broadcast."""
    if b.dim() == 1:
        return torch.linalg.solve_triangular(a, b[:, None].expand(*a.shape[:-1], 1), upper=upper)[..., 0]
    return torch.linalg.solve_triangular(a, b, upper=upper)


def cholesky_solved(s, x, b):
    upper = bool(s["keepdim"])
    l = dominant(x).mT if upper else dominant(x)
    y = triangular(l.tril(), b, False)
    return triangular(l.tril().mT, y[..., None] if b.dim() == 1 else y, True)[..., 0] if b.dim() == 1 else triangular(l.tril().mT, y, True)


def solve_triangular(s, x, b):
    upper, right, transpose, unit = (bool(s["start"] >> k & 1) for k in range(4))
    x = x if unit else dominant(x)
    a = (x.triu() if upper else x.tril()) if not unit else (x.triu(1) if upper else x.tril(-1)) + torch.eye(x.shape[-1], dtype=x.dtype)
    a = a.mT if transpose else a
    upper = upper != transpose
    return triangular(a.mT, b.mT, not upper).mT if right else triangular(a, b, upper)


def solved(a, b):
    """A b of two axes and more is of matrices here. PyTorch takes one whose shape is a's without the last axis for vectors, unless it has a's leading axes."""
    if b.dim() == 1:
        return torch.linalg.solve(a, b[:, None].expand(*a.shape[:-1], 1))[..., 0]
    return torch.linalg.solve(a, b.expand(*torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]))


def spread(x):
    rows, columns = x.shape[-2:]
    return x + 8 * torch.diag(torch.arange(1, max(rows, columns) + 1, dtype=x.dtype))[:rows, :columns]


def symmetric(s, x):
    x = spread(x).mT if s["keepdim"] else spread(x)
    return x.tril() + x.tril(-1).mT


def eigen_square(w, v):
    return v @ torch.diag_embed(w * w) @ v.mT


def cofactors(x):
    return torch.linalg.det(x)[..., None, None] * torch.linalg.inv(x).mT


def singular_cube(u, s, vh):
    return u @ torch.diag_embed(s * s * s) @ vh


def least_squares(a, b):
    """PyTorch's lstsq has no derivative for matrices that are wide."""
    a, vector = dominant(a), b.dim() == 1
    x = torch.linalg.pinv(a) @ (b[:, None].expand(*a.shape[:-1], 1) if vector else b)
    return x[..., 0] if vector else x


def pseudoinverse(s, x):
    x = dominant(x)
    return torch.linalg.pinv(x @ x.mT, rtol=1e-4) if s["start"] else torch.linalg.pinv(x)


NORMS = ("fro", "nuc", 1, -1, float("inf"), -float("inf"), 2, -2)


def matrix_norm(s, x):
    return torch.linalg.matrix_norm(spread(x) if s["start"] % 2 else -spread(x), NORMS[s["start"]], keepdim=bool(s["keepdim"]))


COMPOSED = {
    "cholesky": cholesky, "cholesky_ex": cholesky, "cholesky_solve": cholesky_solved,
    "cholesky_inverse": lambda s, x: cholesky_solved(s, x, torch.eye(x.shape[-1], dtype=x.dtype)), "solve_triangular": solve_triangular,
    "lu": lambda s, x: torch.linalg.lu_factor(exchanged(x))[0], "lu_solve": lambda s, x, b: solved(exchanged(x), b), "inv": lambda s, x: torch.linalg.inv(exchanged(x)),
    "slogdet": lambda s, x: torch.linalg.slogdet(exchanged(x))[1], "logdet": lambda s, x: torch.logdet(dominant(x)),
    "det": lambda s, x: torch.linalg.det(exchanged(x) / 8), "cofactor": lambda s, x: cofactors(exchanged(x) / 8),
    "matrix_power": lambda s, x: torch.linalg.matrix_power(exchanged(x) if s["start"] < 0 else x, s["start"]),
    "eigh": lambda s, x: eigen_square(*torch.linalg.eigh(symmetric(s, x))), "eigvalsh": lambda s, x: torch.linalg.eigvalsh(symmetric(s, x)),
    "svd": lambda s, x: singular_cube(*torch.linalg.svd(spread(x), full_matrices=False)), "svdvals": lambda s, x: torch.linalg.svdvals(spread(x)),
    "qr": lambda s, x: torch.linalg.qr(dominant(x))[0], "lstsq": lambda s, a, b: least_squares(a, b), "pinv": pseudoinverse, "matrix_norm": matrix_norm,
    "matrix_exp": lambda s, x: torch.linalg.matrix_exp(x),
}
