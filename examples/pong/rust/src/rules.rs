//! The rules: where ball and paddles are, and who scores. Nothing here knows of the screen.

/// The table reaches from minus to plus this, in either direction.
pub const HALF_WIDTH: f64 = 8.0;
pub const HALF_HEIGHT: f64 = 4.5;
/// The middle of the right paddle.
pub const PADDLE_X: f64 = 7.25;
pub const PADDLE_WIDTH: f64 = 0.3;
pub const PADDLE_HEIGHT: f64 = 1.8;
pub const RADIUS: f64 = 0.22;

const STEP: f64 = 1.0 / 240.0;
/// Time that nobody saw pass, since the page was hidden, is left out.
const LONGEST: f64 = 0.1;
const PAUSE: f64 = 1.0;
const SERVE: f64 = 7.0;
const FASTER: f64 = 1.06;
const FASTEST: f64 = 18.0;
/// How far off the straight way the rim of a paddle sends the ball.
const SLANT: f64 = 1.1;
const PLAYER: f64 = 9.0;
const COMPUTER: f64 = 4.6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left = 0,
    Right = 1,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Paddle {
    pub y: f64,
    up: bool,
    down: bool,
    /// Whether somebody has taken it over from the computer.
    taken: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Ball {
    pub x: f64,
    pub y: f64,
    speed: f64,
    dx: f64,
    dy: f64,
}

impl Ball {
    /// A ball in the middle, on its way to `side`.
    fn served(side: Side, dy: f64) -> Self {
        let mut ball = Ball { x: 0.0, y: 0.0, speed: SERVE, dx: 0.0, dy: 0.0 };
        ball.send(if side == Side::Left { -1.0 } else { 1.0 }, dy);
        ball
    }

    fn send(&mut self, dx: f64, dy: f64) {
        let length = (dx * dx + dy * dy).sqrt();
        self.dx = dx / length;
        self.dy = dy / length;
    }
}

#[derive(Debug)]
pub struct Match {
    pub ball: Ball,
    pub paddles: [Paddle; 2],
    pub score: [u32; 2],
    left_over: f64,
    pause: f64,
}

impl Match {
    pub fn new() -> Self {
        Match {
            ball: Ball::served(Side::Right, 0.55),
            paddles: [Paddle { taken: true, ..Paddle::default() }, Paddle::default()],
            score: [0, 0],
            left_over: 0.0,
            pause: PAUSE,
        }
    }

    /// Notes that a key for a paddle is down, or up again. Whoever steers the right one takes it from the computer.
    pub fn steer(&mut self, side: Side, direction: f64, pressed: bool) {
        let paddle = &mut self.paddles[side as usize];
        paddle.taken = true;
        if direction > 0.0 {
            paddle.up = pressed;
        } else {
            paddle.down = pressed;
        }
    }

    /// Plays on for some seconds, in steps of equal length: the game is the same at any frame rate.
    pub fn advance(&mut self, seconds: f64) {
        self.left_over += seconds.clamp(0.0, LONGEST);
        while self.left_over >= STEP {
            self.left_over -= STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        for paddle in &mut self.paddles {
            paddle.step(&self.ball);
        }
        if self.pause > 0.0 {
            self.pause -= STEP;
            return;
        }
        self.ball.x += self.ball.dx * self.ball.speed * STEP;
        self.ball.y += self.ball.dy * self.ball.speed * STEP;
        self.bounce_off_walls();
        self.bounce_off_paddles();
        if self.ball.x > HALF_WIDTH {
            self.point(Side::Left, Side::Right);
        } else if self.ball.x < -HALF_WIDTH {
            self.point(Side::Right, Side::Left);
        }
    }

    fn bounce_off_walls(&mut self) {
        let ball = &mut self.ball;
        let limit = HALF_HEIGHT - RADIUS;
        if ball.y.abs() > limit && ball.y * ball.dy > 0.0 {
            ball.y = limit.copysign(ball.y);
            ball.dy = -ball.dy;
        }
    }

    fn bounce_off_paddles(&mut self) {
        let ball = &mut self.ball;
        let paddle = &self.paddles[usize::from(ball.dx > 0.0)];
        let reach = (PADDLE_HEIGHT / 2.0) + RADIUS;
        let off = (ball.y - paddle.y) / reach;
        let gap = PADDLE_X - ball.x.abs();
        let near = gap.abs() < PADDLE_WIDTH / 2.0 + RADIUS;
        if near && off.abs() <= 1.0 && ball.x * ball.dx > 0.0 {
            ball.speed = (ball.speed * FASTER).min(FASTEST);
            ball.send(-1.0_f64.copysign(ball.dx), off * SLANT);
        }
    }

    fn point(&mut self, winner: Side, loser: Side) {
        self.score[winner as usize] += 1;
        let played = self.score[0] + self.score[1];
        self.ball = Ball::served(loser, if played % 2 == 0 { 0.55 } else { -0.55 });
        self.pause = PAUSE;
    }
}

impl Paddle {
    fn step(&mut self, ball: &Ball) {
        let moved = if self.taken {
            (f64::from(self.up) - f64::from(self.down)) * PLAYER * STEP
        } else {
            (ball.y - self.y).clamp(-COMPUTER * STEP, COMPUTER * STEP)
        };
        let limit = HALF_HEIGHT - PADDLE_HEIGHT / 2.0;
        self.y = (self.y + moved).clamp(-limit, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(game: &mut Match, seconds: f64) {
        for _ in 0..(seconds * 60.0) as u32 {
            game.advance(1.0 / 60.0);
        }
    }

    #[test]
    fn the_game_is_the_same_at_any_frame_rate() {
        let (mut fast, mut slow) = (Match::new(), Match::new());
        (0..300).for_each(|_| fast.advance(1.0 / 128.0));
        (0..75).for_each(|_| slow.advance(1.0 / 32.0));
        assert_eq!((fast.ball.x, fast.ball.y), (slow.ball.x, slow.ball.y));
        assert!(fast.ball.x != 0.0);
    }

    #[test]
    fn ball_and_paddles_stay_on_the_table() {
        let mut game = Match::new();
        game.steer(Side::Left, 1.0, true);
        for _ in 0..6000 {
            game.advance(1.0 / 60.0);
            assert!(game.ball.y.abs() <= HALF_HEIGHT && game.ball.x.abs() <= HALF_WIDTH, "{:?}", game.ball);
            assert!(game.paddles.iter().all(|paddle| paddle.y.abs() + PADDLE_HEIGHT / 2.0 <= HALF_HEIGHT));
        }
    }

    #[test]
    fn a_paddle_moves_while_its_key_is_down() {
        let mut game = Match::new();
        game.steer(Side::Left, -1.0, true);
        play(&mut game, 0.2);
        let lower = game.paddles[0].y;
        game.steer(Side::Left, -1.0, false);
        play(&mut game, 0.2);
        assert!(lower < -1.0 && game.paddles[0].y == lower);
    }

    #[test]
    fn who_misses_the_ball_gives_a_point_away_and_is_served() {
        let mut game = Match::new();
        game.steer(Side::Left, 1.0, true);
        while game.score == [0, 0] {
            play(&mut game, 0.1);
        }
        assert_eq!(game.score, [0, 1]);
        play(&mut game, 1.5);
        assert!(game.ball.x < 0.0);
    }
}
