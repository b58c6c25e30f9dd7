/* Rotations as in pear_ros/so3.py: quaternions x y z w, matrices in rows, axis-angle vectors in radians. */
#ifndef PEAR_ROTATIONS_H
#define PEAR_ROTATIONS_H

#include <math.h>

static const double PI = 3.14159265358979323846;

static double length3(const double *v) { return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

static double dot4(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
}

/* With w >= 0. A matrix gives each row of four times q q^T: that of w up to 120 degrees, else that of the
   largest component, so that nothing is divided by a small number (after Shepperd, 1978). */
static void quaternion_of(const double *m, double *q)
{
    double trace = m[0] + m[4] + m[8], best = fmax(m[0], fmax(m[4], m[8]));
    if (trace >= 0.0 || trace >= best) {
        q[0] = m[7] - m[5], q[1] = m[2] - m[6], q[2] = m[3] - m[1], q[3] = 1.0 + trace;
    } else if (m[0] == best) {
        q[0] = 1.0 + m[0] - m[4] - m[8], q[1] = m[1] + m[3], q[2] = m[2] + m[6], q[3] = m[7] - m[5];
    } else if (m[4] == best) {
        q[0] = m[1] + m[3], q[1] = 1.0 + m[4] - m[0] - m[8], q[2] = m[5] + m[7], q[3] = m[2] - m[6];
    } else {
        q[0] = m[2] + m[6], q[1] = m[5] + m[7], q[2] = 1.0 + m[8] - m[0] - m[4], q[3] = m[3] - m[1];
    }
    double scale = 1.0 / copysign(sqrt(fmax(dot4(q, q), 1e-300)), q[3]);
    for (int i = 0; i < 4; i++)
        q[i] *= scale;
}

/* The shorter way round. */
static void logarithm_of(const double *q, double *v)
{
    /* angle / sin(angle / 2) tends to 2 at 0, which it is to the last digit at 1e-9. */
    double sine = fmax(length3(q), 1e-9);
    double factor = 2.0 * atan2(sine, fabs(q[3])) / copysign(sine, q[3]);
    for (int i = 0; i < 3; i++)
        v[i] = factor * q[i];
}

static void exponential_of(const double *v, double *q)
{
    /* sin(x) / x is 1 to the last digit below 1e-9. */
    double half = 0.5 * length3(v), safe = fmax(half, 1e-9), factor = 0.5 * sin(safe) / safe;
    for (int i = 0; i < 3; i++)
        q[i] = factor * v[i];
    q[3] = cos(half);
}

static void matrix_of(const double *q, double *m)
{
    double x = q[0], y = q[1], z = q[2], w = q[3];
    double xx = x * x, yy = y * y, zz = z * z, ww = w * w;
    m[0] = ww + xx - yy - zz, m[1] = 2.0 * (x * y - z * w), m[2] = 2.0 * (x * z + y * w);
    m[3] = 2.0 * (x * y + z * w), m[4] = ww - xx + yy - zz, m[5] = 2.0 * (y * z - x * w);
    m[6] = 2.0 * (x * z - y * w), m[7] = 2.0 * (y * z + x * w), m[8] = ww - xx - yy + zz;
}

/* The rotation b, then a. */
static void product_of(const double *a, const double *b, double *q)
{
    q[0] = a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1];
    q[1] = a[3] * b[1] + a[1] * b[3] + a[2] * b[0] - a[0] * b[2];
    q[2] = a[3] * b[2] + a[2] * b[3] + a[0] * b[1] - a[1] * b[0];
    q[3] = a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2];
}

/* out = m v, or its transpose times v. */
static void times(const double *m, const double *v, double *out)
{
    for (int i = 0; i < 3; i++)
        out[i] = m[3 * i] * v[0] + m[3 * i + 1] * v[1] + m[3 * i + 2] * v[2];
}

static void times_back(const double *m, const double *v, double *out)
{
    for (int i = 0; i < 3; i++)
        out[i] = m[i] * v[0] + m[3 + i] * v[1] + m[6 + i] * v[2];
}

#endif
