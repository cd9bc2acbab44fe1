#include "rules.hpp"

namespace rules {
namespace {

constexpr double step_seconds = 1.0 / 240;
// Time that nobody saw pass, since the page was hidden, is left out.
constexpr double longest = 0.1;
constexpr double pause_seconds = 1;
constexpr double faster = 1.06, fastest = 18;
// How far off the straight way the rim of a paddle sends the ball.
constexpr double slant = 1.1;
constexpr double player = 9, computer = 4.6;

double absolute(double value) { return __builtin_fabs(value); }

double clamp(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

}  // namespace

void Ball::send(double to_x, double to_y) {
    double length = __builtin_sqrt(to_x * to_x + to_y * to_y);
    dx = to_x / length;
    dy = to_y / length;
}

void Ball::step() {
    x += dx * speed * step_seconds;
    y += dy * speed * step_seconds;
    bounce_off_walls();
}

void Ball::bounce_off_walls() {
    constexpr double limit = half_height - radius;
    if (absolute(y) > limit && y * dy > 0) {
        y = __builtin_copysign(limit, y);
        dy = -dy;
    }
}

void Paddle::step(const Ball &ball) {
    double moved = taken ? (up - down) * player * step_seconds
                         : clamp(ball.y - y, -computer * step_seconds, computer * step_seconds);
    constexpr double limit = half_height - paddle_height / 2;
    y = clamp(y + moved, -limit, limit);
}

void Match::steer(Side side, bool upwards, bool pressed) {
    Paddle &paddle = paddles[side];
    paddle.taken = true;
    (upwards ? paddle.up : paddle.down) = pressed;
}

void Match::advance(double seconds) {
    left_over_ += clamp(seconds, 0, longest);
    while (left_over_ >= step_seconds) {
        left_over_ -= step_seconds;
        step();
    }
}

void Match::step() {
    for (Paddle &paddle : paddles) paddle.step(ball);
    if (pause_ > 0) {
        pause_ -= step_seconds;
        return;
    }
    ball.step();
    bounce_off_paddles();
    if (ball.x > half_width) {
        point(left, right);
    } else if (ball.x < -half_width) {
        point(right, left);
    }
}

void Match::bounce_off_paddles() {
    const Paddle &paddle = paddles[ball.dx > 0 ? right : left];
    double off = (ball.y - paddle.y) / (paddle_height / 2 + radius);
    bool near = absolute(paddle_x - absolute(ball.x)) < paddle_width / 2 + radius;
    if (near && absolute(off) <= 1 && ball.x * ball.dx > 0) {
        ball.speed = clamp(ball.speed * faster, 0, fastest);
        ball.send(ball.dx > 0 ? -1 : 1, off * slant);
    }
}

void Match::point(Side winner, Side loser) {
    score[winner]++;
    uint32_t played = score[left] + score[right];
    ball = Ball(loser, played % 2 == 0 ? 0.55 : -0.55);
    pause_ = pause_seconds;
}

}  // namespace rules
