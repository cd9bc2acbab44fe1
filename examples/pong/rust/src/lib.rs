//! Pong: the page calls these functions, and gives what [`three`] and [`dom`] declare.

mod dom;
mod rules;
mod stage;
mod three;

use std::cell::RefCell;

use externref_guest::externref;

use crate::rules::{Match, Side};
use crate::stage::Stage;

struct Game {
    rules: Match,
    stage: Stage,
}

thread_local! {
    static GAME: RefCell<Option<Game>> = const { RefCell::new(None) };
}

/// Sets the stage, and puts its picture into the page.
#[externref]
#[no_mangle]
pub extern "C" fn start() {
    let game = Game { rules: Match::new(), stage: Stage::new() };
    GAME.with(|cell| *cell.borrow_mut() = Some(game));
}

/// Fits the picture to a window of this size, in pixels of the page, each of which is `ratio` pixels of the screen.
#[externref]
#[no_mangle]
pub extern "C" fn resize(width: f64, height: f64, ratio: f64) {
    with_game(|game| game.stage.resize(width, height, ratio));
}

/// Takes notice that a key was pressed or released; `code` is its place, as in `KeyboardEvent.code`.
#[externref]
#[no_mangle]
pub extern "C" fn key(code: &str, pressed: bool) {
    let (side, direction) = match code {
        "KeyW" => (Side::Left, 1.0),
        "KeyS" => (Side::Left, -1.0),
        "ArrowUp" => (Side::Right, 1.0),
        "ArrowDown" => (Side::Right, -1.0),
        _ => return,
    };
    with_game(|game| game.rules.steer(side, direction, pressed));
}

/// Lets time pass, and moves everything to where it is then.
#[externref]
#[no_mangle]
pub extern "C" fn update(seconds: f64) {
    with_game(|game| {
        let score = game.rules.score;
        game.rules.advance(seconds);
        game.stage.show(&game.rules);
        if game.rules.score != score {
            game.stage.show_score(&game.rules);
        }
    });
}

/// Draws the picture.
#[externref]
#[no_mangle]
pub extern "C" fn render() {
    with_game(|game| game.stage.render());
}

fn with_game(act: impl FnOnce(&mut Game)) {
    GAME.with(|cell| {
        if let Some(game) = cell.borrow_mut().as_mut() {
            act(game);
        }
    });
}
