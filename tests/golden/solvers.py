"""The figures that tests/solve/test_ode.c compares with: Lotka and Volterra's equations by SciPy, y(5) of y(0) = (10, 5), and how many calls its RK45 takes.

    python3 tests/golden/solvers.py
"""
from scipy.integrate import solve_ivp


def rate(t, y):
    return [1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 3 * y[1]]


exact = solve_ivp(rate, [0, 5], [10.0, 5.0], method="DOP853", rtol=1e-13, atol=1e-13)
print("y(5) = %.15g, %.15g" % tuple(exact.y[:, -1]))
print("RK45 at 1e-6 and 1e-9: %d calls" % solve_ivp(rate, [0, 5], [10.0, 5.0], method="RK45", rtol=1e-6, atol=1e-9).nfev)
