/* What every picture needs, compiled: the same steps as the numpy code that calls it (pear_ros/native/__init__.py
   says which), without its hundreds of small calls. Every function takes arrays that Python has made, checks
   their types and sizes, and writes its results into arrays it is given. */

#include "axes.h"
#include "body.h"
#include "buffers.h"
#include "colours.h"
#include "place.h"
#include "rotations.h"
#include "smooth.h"

/* As in __init__.py: one more whenever what a kernel takes or gives changes. */
#define REVISION 2

#define TAKE(variable, ...)                                                                                          \
    do {                                                                                                             \
        variable = numbers(&buffers, __VA_ARGS__);                                                                   \
        if (variable == NULL)                                                                                        \
            goto failed;                                                                                             \
    } while (0)

static int expect(const char *kernel, Py_ssize_t expected, Py_ssize_t found)
{
    if (expected != found)
        PyErr_Format(PyExc_TypeError, "%s: expected %zd arguments, found %zd", kernel, expected, found);
    return expected == found;
}

static void nine(const Py_buffer *matrices, Py_ssize_t i, double *m)
{
    for (int k = 0; k < 9; k++)
        m[k] = matrices->itemsize == 4 ? ((const float *)matrices->buf)[9 * i + k] : ((const double *)matrices->buf)[9 * i + k];
}

/* A kernel that makes `made` numbers of every `width`: row i of what it is given, written at `out`. */
typedef void (*RowKernel)(const Py_buffer *given, Py_ssize_t i, void *out);

static PyObject *of_each(const char *kernel, PyObject *const *args, Py_ssize_t count, const char *formats, Py_ssize_t width,
                         const char *format, Py_ssize_t made, RowKernel one)
{
    Buffers buffers = {.count = 0, .kernel = kernel};
    if (!expect(kernel, 2, count))
        return NULL;
    Py_buffer *given = any_size(&buffers, args[0], "first argument", formats, READ);
    if (given == NULL)
        goto failed;
    Py_ssize_t many = given->len / given->itemsize / width, size = format[0] == 'd' ? sizeof(double) : sizeof(float);
    if (given->len != many * width * given->itemsize) {
        PyErr_Format(PyExc_ValueError, "%s: expected rows of %zd numbers", kernel, width);
        goto failed;
    }
    char *out;
    TAKE(out, args[1], "out", format, made * many, WRITE);
    for (Py_ssize_t i = 0; i < many; i++)
        one(given, i, out + i * made * size);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

static void quaternion_row(const Py_buffer *matrices, Py_ssize_t i, void *out)
{
    double m[9];
    nine(matrices, i, m);
    quaternion_of(m, out);
}

/* quaternions(matrices (M, 3, 3) of either float, out (M, 4) doubles) */
static PyObject *quaternions(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return of_each("quaternions", args, count, "fd", 9, "d", 4, quaternion_row);
}

static void axis_angle_row(const Py_buffer *matrices, Py_ssize_t i, void *out)
{
    double m[9], q[4], v[3];
    nine(matrices, i, m);
    quaternion_of(m, q);
    logarithm_of(q, v);
    for (int k = 0; k < 3; k++)
        ((float *)out)[k] = (float)v[k];
}

/* axis_angles(matrices (M, 3, 3) of either float, out (M, 3) floats) */
static PyObject *axis_angles(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return of_each("axis_angles", args, count, "fd", 9, "f", 3, axis_angle_row);
}

static void matrix_of_6d_row(const Py_buffer *vectors, Py_ssize_t i, void *out)
{
    matrix_of_6d((const float *)vectors->buf + 6 * i, out);
}

/* matrices_of_6d(vectors (M, 6), out (M, 3, 3), written: floats) */
static PyObject *matrices_of_6d(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return of_each("matrices_of_6d", args, count, "f", 6, "f", 9, matrix_of_6d_row);
}

static void matrix_row(const Py_buffer *vectors, Py_ssize_t i, void *out)
{
    double v[3], q[4], m[9];
    for (int k = 0; k < 3; k++)
        v[k] = ((const float *)vectors->buf)[3 * i + k];
    exponential_of(v, q);
    matrix_of(q, m);
    for (int k = 0; k < 9; k++)
        ((float *)out)[k] = (float)m[k];
}

/* matrices_of_axis_angles(vectors (M, 3), out (M, 3, 3), written: floats) */
static PyObject *matrices_of_axis_angles(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return of_each("matrices_of_axis_angles", args, count, "f", 3, "f", 9, matrix_row);
}

/* place(joints (N, J, 3), keypoints (N, J, 2), confidence (N, J): floats; votes (J), start (N, 3), relative (N),
   rules (fx, fy, cx, cy, cut_sigma, near, close, steps, least_seen): doubles; transl (N, 3), sigma (N),
   residual (N): floats, written) */
static PyObject *place(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "place"};
    if (!expect(buffers.kernel, 10, count))
        return NULL;
    Py_buffer *of_votes = any_size(&buffers, args[3], "votes", "d", READ);
    if (of_votes == NULL)
        goto failed;
    Py_buffer *of_relative = any_size(&buffers, args[5], "relative", "d", READ);
    if (of_relative == NULL)
        goto failed;
    Py_ssize_t people = of_relative->len / 8, many = of_votes->len / 8;
    const float *joints, *keypoints, *confidence;
    const double *start, *rules, *votes = of_votes->buf, *relative = of_relative->buf;
    float *transl, *sigma, *residual;
    TAKE(joints, args[0], "joints", "f", people * many * 3, READ);
    TAKE(keypoints, args[1], "keypoints", "f", people * many * 2, READ);
    TAKE(confidence, args[2], "confidence", "f", people * many, READ);
    TAKE(start, args[4], "start", "d", people * 3, READ);
    TAKE(rules, args[6], "rules", "d", 9, READ);
    TAKE(transl, args[7], "transl", "f", people * 3, WRITE);
    TAKE(sigma, args[8], "sigma", "f", people, WRITE);
    TAKE(residual, args[9], "residual", "f", people, WRITE);
    Placing placing = {
        .fx = rules[0], .fy = rules[1], .cx = rules[2], .cy = rules[3], .cut_sigma = rules[4], .near = rules[5],
        .close = rules[6], .steps = (int)rules[7], .least_seen = (int)rules[8], .joints = (int)many,
    };
    for (Py_ssize_t i = 0; i < people; i++)
        place_one(&placing, joints + 3 * many * i, keypoints + 2 * many * i, confidence + many * i, votes, start + 3 * i,
                  relative[i], transl + 3 * i, sigma + i, residual + i);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

enum { BEGINS = 0, GOES_ON = 1, AGAIN = 2 };

static int gather(Buffers *buffers, PyObject *arrays, const char *name, Py_ssize_t people, double *out, Py_ssize_t step,
                  Py_ssize_t room)
{
    if (!PyTuple_Check(arrays)) {
        PyErr_Format(PyExc_TypeError, "%s: %s: expected a tuple", buffers->kernel, name);
        return 0;
    }
    Py_ssize_t at = 0;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(arrays); k++) {
        Py_ssize_t stride, length;
        const char *from = rows(buffers, PyTuple_GET_ITEM(arrays, k), name, people, &stride, &length);
        if (from == NULL)
            return 0;
        if (at + length > room)
            break;
        for (Py_ssize_t i = 0; i < people; i++)
            for (Py_ssize_t c = 0; c < length; c++)
                out[i * step + at + c] = ((const float *)(from + i * stride))[c];
        PyBuffer_Release(&buffers->held[--buffers->count]);
        at += length;
        if (k + 1 == PyTuple_GET_SIZE(arrays) && at == room)
            return 1;
    }
    PyErr_Format(PyExc_ValueError, "%s: %s: expected %zd numbers per person", buffers->kernel, name, room);
    return 0;
}

static void measured_pose(const Row *r, double *row, const float *rotations, const double *small, const double *turn)
{
    double m[9], rooted[9], q[4];
    for (int j = 0; j < TURNS; j++) {
        if (j < ROTATIONS) {
            for (int k = 0; k < 9; k++)
                m[k] = rotations[9 * j + k];
            if (j == 0) {
                for (int a = 0; a < 3; a++)
                    for (int b = 0; b < 3; b++)
                        rooted[3 * a + b] = turn[3 * a] * m[b] + turn[3 * a + 1] * m[3 + b] + turn[3 * a + 2] * m[6 + b];
                memcpy(m, rooted, sizeof m);
            }
            quaternion_of(m, q);
        } else {
            exponential_of(small + 3 * (j - ROTATIONS), q);
        }
        for (int i = 0; i < 4; i++)
            row[r->turned + i * TURNS + j] = q[i];
    }
}

static void told_pose(const Row *r, const double *row, const double *turn, float *rotations, float *small)
{
    double q[4], m[9], back[9], v[3];
    for (int j = 0; j < TURNS; j++) {
        for (int i = 0; i < 4; i++)
            q[i] = row[r->turn + i * TURNS + j];
        if (j < ROTATIONS) {
            matrix_of(q, m);
            if (j == 0) {
                for (int a = 0; a < 3; a++)
                    for (int b = 0; b < 3; b++)
                        back[3 * a + b] = turn[a] * m[b] + turn[3 + a] * m[3 + b] + turn[6 + a] * m[6 + b];
                memcpy(m, back, sizeof m);
            }
            for (int k = 0; k < 9; k++)
                rotations[9 * j + k] = (float)m[k];
        } else {
            logarithm_of(q, v);
            for (int k = 0; k < 3; k++)
                small[3 * (j - ROTATIONS) + k] = (float)v[k];
        }
    }
}

/* smooth(old, now (N, W): doubles, the latter written; states (N): bytes of the enumeration above; seconds (N),
   found (N): doubles; deep (N): bytes, 1 where a depth image said how far; confidence (N, J): floats; moved (55):
   int32; factors (55), rules (26): doubles; rotations (N, 52, 3, 3), faces, shapes and small (tuples of (N, K),
   the last axis-angles, 9 in all): floats; transl (N, 3), reference (12: rotation and translation from the optical
   frame to that of the filters): doubles; then floats, written, all in the optical frame: rotations
   (N, 52, 3, 3), small (N, 9), numbers (N, faces and shapes), transl (N, 3), velocity (N, 3)) */
static PyObject *smooth(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "smooth"};
    double *now, *small = NULL;
    if (!expect(buffers.kernel, 20, count))
        return NULL;
    Py_buffer *of_states = any_size(&buffers, args[2], "states", "B", READ);
    if (of_states == NULL)
        goto failed;
    Py_ssize_t people = of_states->len, shown, joints, turning, turned;
    const unsigned char *states = of_states->buf, *deep;
    const double *rules, *old, *seconds, *found, *factors, *transl, *reference;
    const int *moved;
    const char *confidence, *rotations;
    float *out_rotations, *out_small, *out_numbers, *out_transl, *out_velocity;
    TAKE(rules, args[9], "rules", "d", 26, READ);
    Row r = row_of((int)rules[24], (int)rules[25]);
    TAKE(old, args[0], "old", "d", people * r.width, READ);
    TAKE(now, args[1], "now", "d", people * r.width, WRITE);
    TAKE(seconds, args[3], "seconds", "d", people, READ);
    TAKE(found, args[4], "found", "d", people, READ);
    TAKE(deep, args[5], "deep", "B", people, READ);
    confidence = rows(&buffers, args[6], "confidence", people, &shown, &joints);
    if (confidence == NULL)
        goto failed;
    TAKE(moved, args[7], "moved", "i", TURNS, READ);
    TAKE(factors, args[8], "factors", "d", TURNS, READ);
    rotations = rows(&buffers, args[10], "rotations", people, &turning, &turned);
    if (rotations == NULL)
        goto failed;
    TAKE(transl, args[14], "transl", "d", people * 3, READ);
    TAKE(reference, args[15], "reference", "d", 12, READ);
    TAKE(out_rotations, args[16], "out rotations", "f", people * 9 * ROTATIONS, WRITE);
    TAKE(out_small, args[17], "out small", "f", people * 9, WRITE);
    TAKE(out_numbers, args[18], "out numbers", "f", people * (r.face + r.shape), WRITE);
    TAKE(out_transl, args[19], "out places", "f", people * 6, WRITE);
    out_velocity = out_transl + 3 * people;
    int fits = turned == 9 * ROTATIONS;
    for (int j = 0; j < TURNS; j++)
        fits &= 0 <= moved[j] && moved[j] < joints;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "smooth: rotations or moved do not fit");
        goto failed;
    }
    small = PyMem_Malloc((size_t)(people * 9 + 1) * sizeof *small);
    if (small == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    if (!gather(&buffers, args[11], "faces", people, now + r.miened, r.width, r.face) ||
        !gather(&buffers, args[12], "shapes", people, now + r.mean, r.width, r.shape) ||
        !gather(&buffers, args[13], "small", people, small, 9, 9))
        goto failed;
    Rules all;
    memcpy(&all, rules, sizeof all);
    for (Py_ssize_t n = 0; n < people; n++) {
        const float *sure = (const float *)(confidence + n * shown);
        const double *before = old + n * r.width;
        double *row = now + n * r.width, total = 0.0;
        for (Py_ssize_t j = 0; j < joints; j++)
            total += sure[j];
        Sighting s = {
            .seconds = seconds[n], .distance = length3(transl + 3 * n), .found = found[n], .confidence = total / joints,
        };
        double way[3];
        times(reference, transl + 3 * n, way);
        measured_pose(&r, row, (const float *)(rotations + n * turning), small + 9 * n, reference);
        for (int i = 0; i < 3; i++)
            row[r.placed + i] = way[i] + reference[9 + i], s.sight[i] = deep[n] ? 0.0 : way[i];
        if (states[n] == GOES_ON) {
            double trust = all.guessed + (1.0 - all.guessed) * s.found;
            for (int j = 0; j < TURNS; j++)
                turn_on(&r, &all.pose, before, row, j, s.seconds,
                        factors[j] * (sure[moved[j]] > 0.0f ? trust : all.guessed));
            place_on(&r, &all, before, row, &s, trust);
            face_on(&r, &all.face, before, row, s.seconds);
        } else {
            begin_motion(&r, row);
        }
        if (states[n] == BEGINS)
            begin_shape(&r, &all, &s, row);
        else
            shape_on(&r, &all, before, row, &s);
        told_pose(&r, row, reference, out_rotations + 9 * ROTATIONS * n, out_small + 9 * n);
        double at[3], place[3], velocity[3];
        for (int i = 0; i < 3; i++)
            at[i] = row[r.place + i] - reference[9 + i];
        times_back(reference, at, place);
        times_back(reference, row + r.speed, velocity);
        for (int i = 0; i < 3; i++)
            out_transl[3 * n + i] = (float)place[i], out_velocity[3 * n + i] = (float)velocity[i];
        float *out = out_numbers + n * (r.face + r.shape);
        for (int i = 0; i < r.face; i++)
            out[i] = (float)row[r.mien + i];
        for (int i = 0; i < r.shape; i++)
            out[r.face + i] = (float)row[r.mean + i];
    }
    PyMem_Free(small);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    PyMem_Free(small);
    release(&buffers);
    return NULL;
}

/* axes(rotations, joints, eyes: tuples of N arrays (1, 52, 3, 3), (J, 3), (1, 6) of floats; which (8) int32: five
   joints from spine to head, two hips, sellion; poses (N, 3, 7) doubles, written: body, face, gaze as place and
   quaternion; towards (N) bytes, written: whether the face looks towards the camera) */
static PyObject *axes(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "axes"};
    if (!expect(buffers.kernel, 6, count))
        return NULL;
    for (int i = 0; i < 3; i++)
        if (!PyTuple_Check(args[i]) || PyTuple_GET_SIZE(args[i]) != PyTuple_GET_SIZE(args[0])) {
            PyErr_SetString(PyExc_TypeError, "axes: expected three tuples of one length");
            return NULL;
        }
    Py_ssize_t people = PyTuple_GET_SIZE(args[0]);
    const int *which;
    double *poses;
    unsigned char *towards;
    TAKE(which, args[3], "which", "i", 8, READ);
    TAKE(poses, args[4], "poses", "d", people * 21, WRITE);
    TAKE(towards, args[5], "towards", "B?", people, WRITE);
    Joints joints = {.hips = {which[5], which[6]}, .sellion = which[7]};
    for (int i = 0; i < CHAIN; i++)
        joints.chain[i] = which[i];
    for (Py_ssize_t n = 0; n < people; n++) {
        const float *rotations, *eyes;
        int kept = buffers.count, fits = 1;
        TAKE(rotations, PyTuple_GET_ITEM(args[0], n), "rotations", "f", 9 * ROTATIONS, READ);
        Py_buffer *all = any_size(&buffers, PyTuple_GET_ITEM(args[1], n), "joints", "f", READ);
        if (all == NULL)
            goto failed;
        TAKE(eyes, PyTuple_GET_ITEM(args[2], n), "eyes", "f", 6, READ);
        for (int i = 0; i < 8; i++)
            fits &= 0 <= which[i] && which[i] < (i < CHAIN ? ROTATIONS : all->len / 12);
        if (!fits) {
            PyErr_SetString(PyExc_ValueError, "axes: which: no such joint");
            goto failed;
        }
        towards[n] = (unsigned char)axes_of(&joints, rotations, all->buf, eyes, poses + 21 * n);
        while (buffers.count > kept)
            PyBuffer_Release(&buffers.held[--buffers.count]);
    }
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

static int points_of(Buffers *buffers, PyObject *const *args, Py_ssize_t joints, Points *points)
{
    Py_buffer *region = any_size(buffers, args[2], "region", "B", READ);
    if (region == NULL)
        return 0;
    points->region = region->buf, points->count = (int)region->len;
    points->joints = numbers(buffers, args[0], "joints", "i", 4 * region->len, READ);
    if (points->joints == NULL)
        return 0;
    points->weights = numbers(buffers, args[1], "weights", "f", 4 * region->len, READ);
    if (points->weights == NULL)
        return 0;
    for (Py_ssize_t i = 0; i < 4 * region->len; i++)
        if (points->joints[i] < 0 || points->joints[i] >= joints) {
            PyErr_Format(PyExc_ValueError, "%s: joints: no such key point", buffers->kernel);
            return 0;
        }
    return 1;
}

/* sample(joints (P, 4) int32, weights (P, 4) floats, region (P) bytes; image (H, W, 3) bytes, rows and pixels at
   any step; keypoints (N, J, 2) floats, pixels; then written, bytes: pixels (N, P, 3), inside (N, P)) */
static PyObject *sample(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "sample"};
    Py_buffer image = {0};
    if (!expect(buffers.kernel, 7, count))
        return NULL;
    if (PyObject_GetBuffer(args[3], &image, PyBUF_STRIDES | PyBUF_FORMAT) < 0)
        return NULL;
    if (image.ndim != 3 || image.shape[2] != 3 || image.itemsize != 1 || image.shape[0] < 1 || image.shape[1] < 1) {
        PyErr_SetString(PyExc_ValueError, "sample: image: expected bytes (H, W, 3)");
        goto failed;
    }
    Py_buffer *of_keypoints = any_size(&buffers, args[4], "keypoints", "f", READ);
    if (of_keypoints == NULL)
        goto failed;
    if (of_keypoints->ndim != 3 || of_keypoints->shape[2] != 2) {
        PyErr_SetString(PyExc_ValueError, "sample: keypoints: expected (N, J, 2)");
        goto failed;
    }
    Py_ssize_t people = of_keypoints->shape[0], joints = of_keypoints->shape[1];
    Points points;
    unsigned char *pixels, *inside;
    if (!points_of(&buffers, args, joints, &points))
        goto failed;
    TAKE(pixels, args[5], "pixels", "B", people * points.count * 3, WRITE);
    TAKE(inside, args[6], "inside", "B?", people * points.count, WRITE);
    for (Py_ssize_t n = 0; n < people; n++)
        sample_one(image.buf, image.strides, image.shape, (const float *)of_keypoints->buf + 2 * joints * n, &points,
                   pixels + 3 * points.count * n, inside + points.count * n);
    PyBuffer_Release(&image);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    PyBuffer_Release(&image);
    release(&buffers);
    return NULL;
}

/* histograms(joints, weights, region as for sample; pixels (N, P, 3), inside (N, P) bytes; shares (3 * 256, B)
   floats; out (N, R, 3 * B) floats, written; regions R) */
static PyObject *histograms(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "histograms"};
    if (!expect(buffers.kernel, 8, count))
        return NULL;
    long regions = PyLong_AsLong(args[7]);
    if (regions == -1 && PyErr_Occurred())
        return NULL;
    Points points;
    if (!points_of(&buffers, args, PY_SSIZE_T_MAX, &points))
        goto failed;
    Py_buffer *of_shares = any_size(&buffers, args[5], "shares", "f", READ);
    if (of_shares == NULL)
        goto failed;
    Py_buffer *of_inside = any_size(&buffers, args[4], "inside", "B?", READ);
    if (of_inside == NULL)
        goto failed;
    Py_ssize_t bins = of_shares->len / 4 / 768, people = points.count ? of_inside->len / points.count : 0;
    const unsigned char *pixels;
    float *out;
    TAKE(pixels, args[3], "pixels", "B", people * points.count * 3, READ);
    TAKE(out, args[6], "out", "f", people * regions * 3 * bins, WRITE);
    int fits = 0 < regions && regions <= MOST_REGIONS && of_inside->len == people * points.count;
    for (int i = 0; i < points.count; i++)
        fits &= points.region[i] < regions;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "histograms: regions do not fit");
        goto failed;
    }
    for (Py_ssize_t n = 0; n < people; n++)
        histogram(pixels + 3 * points.count * n, (const unsigned char *)of_inside->buf + points.count * n, &points,
                  of_shares->buf, (int)regions, (int)bins, out + regions * 3 * bins * n);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

/* confidence(in_crop (N, J, 2), pixels (N, J, 2), scores (N), out (N, J), written: floats; width, height) */
static PyObject *confidence(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "confidence"};
    if (!expect(buffers.kernel, 6, count))
        return NULL;
    float width = (float)PyFloat_AsDouble(args[4]) - 0.5f, height = (float)PyFloat_AsDouble(args[5]) - 0.5f;
    if (PyErr_Occurred())
        return NULL;
    Py_buffer *of_scores = any_size(&buffers, args[2], "scores", "f", READ);
    if (of_scores == NULL)
        goto failed;
    Py_buffer *of_out = any_size(&buffers, args[3], "out", "f", WRITE);
    if (of_out == NULL)
        goto failed;
    Py_ssize_t people = of_scores->len / 4, joints = people ? of_out->len / 4 / people : 0;
    const float *in_crop, *pixels;
    float *out;
    TAKE(in_crop, args[0], "in_crop", "f", people * joints * 2, READ);
    TAKE(pixels, args[1], "pixels", "f", people * joints * 2, READ);
    TAKE(out, args[3], "out", "f", people * joints, WRITE);
    for (Py_ssize_t i = 0; i < people * joints; i++) {
        float u = in_crop[2 * i], v = in_crop[2 * i + 1], x = pixels[2 * i], y = pixels[2 * i + 1];
        int inside = u >= 0.0f && u <= 1.0f && v >= 0.0f && v <= 1.0f;
        inside = inside && x >= -0.5f && x <= width && y >= -0.5f && y <= height;
        out[i] = inside ? ((const float *)of_scores->buf)[i / joints] : 0.0f;
    }
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

/* spans(points (N, J, 2) of either float, out (N, 4) doubles, written): least and greatest x and y */
static PyObject *spans(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "spans"};
    if (!expect(buffers.kernel, 2, count))
        return NULL;
    Py_buffer *points = any_size(&buffers, args[0], "points", "fd", READ);
    if (points == NULL)
        goto failed;
    if (points->ndim != 3 || points->shape[1] < 1 || points->shape[2] != 2) {
        PyErr_SetString(PyExc_ValueError, "spans: points: expected (N, J, 2)");
        goto failed;
    }
    double *out;
    TAKE(out, args[1], "out", "d", 4 * points->shape[0], WRITE);
    for (Py_ssize_t n = 0; n < points->shape[0]; n++)
        for (int c = 0; c < 2; c++) {
            double least = INFINITY, most = -INFINITY;
            int known = 1;
            for (Py_ssize_t j = 0; j < points->shape[1]; j++) {
                Py_ssize_t at = (n * points->shape[1] + j) * 2 + c;
                double v = points->itemsize == 4 ? ((const float *)points->buf)[at] : ((const double *)points->buf)[at];
                known = known && !isnan(v);
                least = v < least ? v : least;
                most = v > most ? v : most;
            }
            /* As numpy has it: what is not a number makes the whole none. */
            out[4 * n + c] = known ? least : NAN;
            out[4 * n + 2 + c] = known ? most : NAN;
        }
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

/* turned(turns (N, 3, 3) doubles, rotations (N, R, 3, 3), joints (N, J, 3); out rotations, out joints: floats, the
   latter two written): the first rotation, and all joints about the first one, turned */
static PyObject *turned(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "turned"};
    if (!expect(buffers.kernel, 5, count))
        return NULL;
    Py_buffer *turns = any_size(&buffers, args[0], "turns", "d", READ);
    if (turns == NULL)
        goto failed;
    Py_ssize_t people = turns->len / 8 / 9, turning, parts, stepping, numbers_of_joints;
    const char *rotations = rows(&buffers, args[1], "rotations", people, &turning, &parts);
    if (rotations == NULL)
        goto failed;
    const char *joints = rows(&buffers, args[2], "joints", people, &stepping, &numbers_of_joints);
    if (joints == NULL)
        goto failed;
    float *out_rotations, *out_joints;
    TAKE(out_rotations, args[3], "out rotations", "f", people * parts, WRITE);
    TAKE(out_joints, args[4], "out joints", "f", people * numbers_of_joints, WRITE);
    if (turns->len != people * 72 || parts < 9 || numbers_of_joints < 3 || numbers_of_joints % 3) {
        PyErr_SetString(PyExc_ValueError, "turned: expected turns (N, 3, 3), rotations (N, R, 3, 3), joints (N, J, 3)");
        goto failed;
    }
    for (Py_ssize_t n = 0; n < people; n++) {
        const double *turn = (const double *)turns->buf + 9 * n;
        const float *from = (const float *)(rotations + n * turning), *at = (const float *)(joints + n * stepping);
        float *to = out_rotations + n * parts, *there = out_joints + n * numbers_of_joints;
        double root[9], turned_root[9];
        memcpy(to, from, (size_t)parts * sizeof *to);
        for (int i = 0; i < 9; i++)
            root[i] = from[i];
        product3(turn, root, turned_root);
        for (int i = 0; i < 9; i++)
            to[i] = (float)turned_root[i];
        for (Py_ssize_t j = 0; j < numbers_of_joints; j += 3) {
            double way[3] = {(double)at[j] - at[0], (double)at[j + 1] - at[1], (double)at[j + 2] - at[2]}, moved[3];
            times(turn, way, moved);
            for (int i = 0; i < 3; i++)
                there[j + i] = (float)(moved[i] + at[i]);
        }
    }
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

/* chain(parents (J) int32, -1 for a root, every parent before its children; rotations (N, J, 3, 3), rest (N, 3, J):
   floats; world (N, J, 3, 3), posed (N, 3, J): floats, written) */
static PyObject *chain(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "chain"};
    if (!expect(buffers.kernel, 5, count))
        return NULL;
    Py_buffer *of_parents = any_size(&buffers, args[0], "parents", "i", READ);
    if (of_parents == NULL)
        goto failed;
    Py_buffer *of_rest = any_size(&buffers, args[2], "rest", "f", READ);
    if (of_rest == NULL)
        goto failed;
    const int *parents = of_parents->buf;
    Py_ssize_t joints = of_parents->len / 4, people = joints ? of_rest->len / 12 / joints : 0;
    int fits = of_rest->len == people * 12 * joints;
    for (Py_ssize_t j = 0; j < joints; j++)
        fits &= -1 <= parents[j] && parents[j] < j;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "chain: parents or rest do not fit");
        goto failed;
    }
    const float *rotations;
    float *world, *posed;
    TAKE(rotations, args[1], "rotations", "f", people * joints * 9, READ);
    TAKE(world, args[3], "world", "f", people * joints * 9, WRITE);
    TAKE(posed, args[4], "posed", "f", people * joints * 3, WRITE);
    for (Py_ssize_t n = 0; n < people; n++)
        chain_of(parents, (int)joints, rotations + 9 * joints * n, (const float *)of_rest->buf + 3 * joints * n,
                 world + 9 * joints * n, posed + 3 * joints * n);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    release(&buffers);
    return NULL;
}

/* skin(starts (V + 1), joints (K): int32, weights (K) floats: those of vertex v from starts[v] to starts[v + 1];
   world (N, J, 3, 3), rest (N, 3, J), posed (N, 3, J), points (N, 3, V): floats; out (N, 3, V) floats, written) */
static PyObject *skin(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Buffers buffers = {.count = 0, .kernel = "skin"};
    float *motions = NULL;
    if (!expect(buffers.kernel, 8, count))
        return NULL;
    Py_buffer *of_starts = any_size(&buffers, args[0], "starts", "i", READ);
    if (of_starts == NULL)
        goto failed;
    Py_buffer *of_joints = any_size(&buffers, args[1], "joints", "i", READ);
    if (of_joints == NULL)
        goto failed;
    Py_buffer *of_rest = any_size(&buffers, args[4], "rest", "f", READ);
    if (of_rest == NULL)
        goto failed;
    if (of_rest->ndim != 3 || of_rest->shape[1] != 3 || of_starts->len < 4) {
        PyErr_SetString(PyExc_ValueError, "skin: expected starts (V + 1), rest (N, 3, J)");
        goto failed;
    }
    const int *starts = of_starts->buf, *joints = of_joints->buf;
    Py_ssize_t vertices = of_starts->len / 4 - 1, used = of_joints->len / 4;
    Py_ssize_t people = of_rest->shape[0], tree = of_rest->shape[2];
    int fits = starts[0] == 0 && starts[vertices] == used;
    for (Py_ssize_t v = 0; v < vertices; v++)
        fits &= starts[v] <= starts[v + 1];
    for (Py_ssize_t k = 0; k < used; k++)
        fits &= 0 <= joints[k] && joints[k] < tree;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "skin: starts or joints do not fit");
        goto failed;
    }
    const float *weights, *world, *posed, *points;
    float *out;
    TAKE(weights, args[2], "weights", "f", used, READ);
    TAKE(world, args[3], "world", "f", people * tree * 9, READ);
    TAKE(posed, args[5], "posed", "f", people * tree * 3, READ);
    TAKE(points, args[6], "points", "f", people * vertices * 3, READ);
    TAKE(out, args[7], "out", "f", people * vertices * 3, WRITE);
    motions = PyMem_Malloc((size_t)(12 * tree + 1) * sizeof *motions);
    if (motions == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    for (Py_ssize_t n = 0; n < people; n++) {
        for (int j = 0; j < tree; j++)
            motion_of(j, (int)tree, world + 9 * tree * n, (const float *)of_rest->buf + 3 * tree * n, posed + 3 * tree * n,
                      motions + 12 * j);
        skin_of(starts, joints, weights, (int)vertices, motions, points + 3 * vertices * n, out + 3 * vertices * n);
    }
    PyMem_Free(motions);
    release(&buffers);
    Py_RETURN_NONE;
failed:
    PyMem_Free(motions);
    release(&buffers);
    return NULL;
}

static PyMethodDef METHODS[] = {
    {"quaternions", (PyCFunction)(void (*)(void))quaternions, METH_FASTCALL, NULL},
    {"axis_angles", (PyCFunction)(void (*)(void))axis_angles, METH_FASTCALL, NULL},
    {"place", (PyCFunction)(void (*)(void))place, METH_FASTCALL, NULL},
    {"smooth", (PyCFunction)(void (*)(void))smooth, METH_FASTCALL, NULL},
    {"axes", (PyCFunction)(void (*)(void))axes, METH_FASTCALL, NULL},
    {"sample", (PyCFunction)(void (*)(void))sample, METH_FASTCALL, NULL},
    {"histograms", (PyCFunction)(void (*)(void))histograms, METH_FASTCALL, NULL},
    {"confidence", (PyCFunction)(void (*)(void))confidence, METH_FASTCALL, NULL},
    {"spans", (PyCFunction)(void (*)(void))spans, METH_FASTCALL, NULL},
    {"turned", (PyCFunction)(void (*)(void))turned, METH_FASTCALL, NULL},
    {"matrices_of_6d", (PyCFunction)(void (*)(void))matrices_of_6d, METH_FASTCALL, NULL},
    {"matrices_of_axis_angles", (PyCFunction)(void (*)(void))matrices_of_axis_angles, METH_FASTCALL, NULL},
    {"chain", (PyCFunction)(void (*)(void))chain, METH_FASTCALL, NULL},
    {"skin", (PyCFunction)(void (*)(void))skin, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_kernels", "Compiled steps of every picture; see pear_ros/native/__init__.py.", -1, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernels(void)
{
    PyObject *module = PyModule_Create(&MODULE);
    if (module != NULL && PyModule_AddIntConstant(module, "REVISION", REVISION) < 0)
        Py_CLEAR(module);
    return module;
}
