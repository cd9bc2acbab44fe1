// Pong: the page calls these functions, and gives what three.hpp and dom.hpp declare.
#include "stage.hpp"

namespace {

struct Game {
    rules::Match match;
    Stage stage;
};

Game *game;

struct Key {
    const char *code;
    rules::Side side;
    bool upwards;
};

constexpr Key keys[] = {
    {"KeyW", rules::left, true},
    {"KeyS", rules::left, false},
    {"ArrowUp", rules::right, true},
    {"ArrowDown", rules::right, false},
};

bool is(externref_str text, const char *other) {
    for (size_t at = 0; at < text.length; at++) {
        if (text.data[at] != other[at]) return false;  // also at the end of `other`
    }
    return other[text.length] == 0;
}

}  // namespace

// Sets the stage, and puts its picture into the page.
EXTERNREF_EXPORT("start", void, start) {
    delete game;
    game = new Game;
}

// Fits the picture to a window of this size, in pixels of the page, each of which is `ratio` pixels of the screen.
EXTERNREF_EXPORT("resize", void, resize, (f64, width), (f64, height), (f64, ratio)) {
    if (game) game->stage.resize(width, height, ratio);
}

// Takes notice that a key was pressed or released; `code` is its place, as in `KeyboardEvent.code`.
EXTERNREF_EXPORT("key", void, key, (str, code), (bool, pressed)) {
    if (!game) return;
    for (const Key &known : keys) {
        if (is(code, known.code)) game->match.steer(known.side, known.upwards, pressed);
    }
}

// Lets time pass, and moves everything to where it is then.
EXTERNREF_EXPORT("update", void, update, (f64, seconds)) {
    if (!game) return;
    uint32_t before[] = {game->match.score[0], game->match.score[1]};
    game->match.advance(seconds);
    game->stage.show(game->match);
    if (game->match.score[0] != before[0] || game->match.score[1] != before[1]) game->stage.show_score(game->match);
}

// Draws the picture.
EXTERNREF_EXPORT("render", void, render) {
    if (game) game->stage.render();
}
