/* Where people stand: pear_ros/perception/placing/place.py says what and why. */
#ifndef PEAR_PLACE_H
#define PEAR_PLACE_H

#include <math.h>

typedef struct {
    double fx, fy, cx, cy;
    double cut_sigma, near, close;
    int steps, joints, least_seen;
} Placing;

/* One person. joints (J, 3), keypoints (J, 2), confidence (J), votes (J); start (3). relative: sigma of the
   distance that the person's size leaves, as a share of it; infinite where nothing is known of it. */
static void place_one(const Placing *p, const float *joints, const float *keypoints, const float *confidence,
                      const double *votes, const double *start, double relative, float *transl, float *sigma,
                      float *residual)
{
    int seen = 0;
    double all = 0.0, shown = 0.0, total = 0.0, nearest = INFINITY, t[3] = {start[0], start[1], start[2]};
    for (int j = 0; j < p->joints; j++) {
        int is = confidence[j] > 0.0f;
        seen += is;
        all += votes[j];
        shown += is ? votes[j] : 0.0;
        nearest = fmin(nearest, joints[3 * j + 2]);
    }
    int everybody = seen < p->least_seen;
    total = everybody ? all : shown;
    double least = p->near - nearest, information = 0.0, misfit = 0.0;
    t[2] = t[2] < least ? least : t[2];
    double first[3] = {t[0], t[1], t[2]}, fx2 = p->fx * p->fx, fy2 = p->fy * p->fy;
    for (int step = 0; step < p->steps; step++) {
        double dd = 0, du = 0, dv = 0, de = 0, df = 0, uu = 0, vv = 0, ue = 0, vf = 0, ee = 0, ff = 0;
        for (int j = 0; j < p->joints; j++) {
            if (!everybody && !(confidence[j] > 0.0f))
                continue;
            double w = votes[j], d = 1.0 / (joints[3 * j + 2] + t[2]);
            double u = (joints[3 * j] + t[0]) * d, v = (joints[3 * j + 1] + t[1]) * d;
            double e = (keypoints[2 * j] - p->cx) / p->fx - u, f = (keypoints[2 * j + 1] - p->cy) / p->fy - v;
            u *= d, v *= d;
            dd += w * d * d, du += w * d * u, dv += w * d * v, de += w * d * e, df += w * d * f;
            uu += w * u * u, vv += w * v * v, ue += w * u * e, vf += w * v * f, ee += w * e * e, ff += w * f * f;
        }
        double count = dd > 1e-300 ? dd : 1e-300;
        double x = du / count, y = dv / count, right = de / count, down = df / count;
        information = fmax(fx2 * (uu - du * x) + fy2 * (vv - dv * y), 1e-9);
        misfit = fx2 * ee + fy2 * ff;
        double dz = -(fx2 * (ue - de * x) + fy2 * (vf - df * y)) / information;
        double dx = right + x * dz, dy = down + y * dz;
        /* A step beyond half the distance leaves the region where the linearisation means anything. */
        double reach = 0.5 * fmax(t[2], p->near);
        double share = fabs(dz) <= reach ? 1.0 : reach / fmax(fabs(dz), 1e-12);
        dx *= share, dy *= share, dz *= share;
        t[0] += dx, t[1] += dy, t[2] += dz;
        t[2] = t[2] < least ? least : t[2];
        if (!(fmax(fabs(dx), fmax(fabs(dy), fabs(dz))) > p->close))
            break;
    }
    int finite = isfinite(t[0]) && isfinite(t[1]) && isfinite(t[2]);
    double variance = misfit / fmax(2.0 * total, 1e-12);
    for (int i = 0; i < 3; i++)
        transl[i] = (float)(finite ? t[i] : first[i]);
    double size = hypot(relative, p->cut_sigma * (1.0 - shown / all)) * (finite ? t[2] : first[2]);
    *sigma = (float)(isinf(relative) ? INFINITY : hypot(size, sqrt(variance / information)));
    *residual = (float)sqrt(variance);
}

#endif
