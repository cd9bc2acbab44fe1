//! What is seen of a match: objects of three.js, and two numbers on the page.

use crate::dom::{element, HTMLElement};
use crate::rules::{Match, HALF_HEIGHT, HALF_WIDTH, PADDLE_HEIGHT, PADDLE_WIDTH, PADDLE_X, RADIUS};
use crate::three::{
    AmbientLight, BoxGeometry, Color, DirectionalLight, Mesh, MeshStandardMaterial, PerspectiveCamera, PointLight,
    Scene, SphereGeometry, Vector3, WebGLRenderer, WebGLRendererParameters,
};

const NIGHT: u32 = 0x0b1020;
const FELT: u32 = 0x16324f;
const CHALK: u32 = 0xdfe7ee;
const CYAN: u32 = 0x35c4d7;
const CORAL: u32 = 0xff6f59;
const SUN: u32 = 0xffd166;
const GHOSTS: usize = 14;

/// References to objects of the page, which live as long as the stage does.
pub struct Stage {
    renderer: WebGLRenderer,
    scene: Scene,
    camera: PerspectiveCamera,
    ball: Mesh,
    paddles: [Mesh; 2],
    /// The ball's last places, newest first, with what shows them.
    trail: Vec<Ghost>,
    scores: [HTMLElement; 2],
}

struct Ghost {
    position: Vector3,
    x: f64,
    y: f64,
}

impl Stage {
    pub fn new() -> Self {
        let parameters = WebGLRendererParameters::new();
        parameters.set_antialias(true);
        let renderer = WebGLRenderer::new(&parameters);
        renderer.shadow_map().set_enabled(true);
        element("table").append(&renderer.dom_element());

        let scene = Scene::new();
        scene.set_background(&Color::new(NIGHT));
        add_lights(&scene);
        add_table(&scene);
        let paddles = [(CYAN, "left", -PADDLE_X), (CORAL, "right", PADDLE_X)].map(|(colour, name, x)| {
            let paddle = block(PADDLE_WIDTH, PADDLE_HEIGHT, 0.5, &glowing(colour, 0.35));
            paddle.set_name(name);
            paddle.position().set(x, 0.0, 0.25);
            scene.add(&paddle);
            paddle
        });
        let ball = Mesh::new(&SphereGeometry::new(RADIUS, 32, 16), &glowing(SUN, 0.5));
        ball.set_name("ball");
        ball.set_cast_shadow(true);
        let glow = PointLight::new(&Color::new(SUN), 8.0, 6.0);
        glow.position().set(0.0, 0.0, 0.8);
        ball.add(&glow);
        ball.position().set(0.0, 0.0, RADIUS);
        scene.add(&ball);

        let camera = PerspectiveCamera::new(32.0, 1.6, 0.1, 100.0);
        camera.position().set(0.0, -10.5, 17.5);
        camera.look_at(0.0, -0.5, 0.0);
        Stage {
            renderer,
            camera,
            ball,
            paddles,
            trail: trail(&scene),
            scene,
            scores: [element("left"), element("right")],
        }
    }

    pub fn resize(&self, width: f64, height: f64, ratio: f64) {
        self.camera.set_aspect(width / height);
        self.camera.update_projection_matrix();
        self.renderer.set_pixel_ratio(ratio);
        self.renderer.set_size(width, height);
    }

    /// Moves everything to where the rules say that it is.
    pub fn show(&mut self, game: &Match) {
        for (side, x) in [-PADDLE_X, PADDLE_X].into_iter().enumerate() {
            self.paddles[side].position().set(x, game.paddles[side].y, 0.25);
        }
        self.ball.position().set(game.ball.x, game.ball.y, RADIUS);
        let (mut x, mut y) = (game.ball.x, game.ball.y);
        for ghost in &mut self.trail {
            std::mem::swap(&mut ghost.x, &mut x);
            std::mem::swap(&mut ghost.y, &mut y);
            ghost.position.set(ghost.x, ghost.y, RADIUS);
        }
    }

    pub fn show_score(&self, game: &Match) {
        for (element, score) in self.scores.iter().zip(game.score) {
            element.set_text_content(&score.to_string());
        }
    }

    pub fn render(&self) {
        self.renderer.render(&self.scene, &self.camera);
    }
}

fn add_lights(scene: &Scene) {
    scene.add(&AmbientLight::new(&Color::new(CHALK), 1.0));
    let lamp = DirectionalLight::new(&Color::new(CHALK), 2.2);
    lamp.position().set(-4.0, -5.0, 10.0);
    lamp.set_cast_shadow(true);
    let seen = lamp.shadow().camera();
    seen.set_left(-HALF_WIDTH - 1.0);
    seen.set_right(HALF_WIDTH + 1.0);
    scene.add(&lamp);
}

fn add_table(scene: &Scene) {
    let table = block(2.0 * HALF_WIDTH, 2.0 * HALF_HEIGHT, 0.4, &matte(FELT));
    table.position().set(0.0, 0.0, -0.2);
    scene.add(&table);
    let chalk = matte(CHALK);
    for side in [-1.0, 1.0] {
        let wall = block(2.0 * HALF_WIDTH, 0.2, 0.6, &chalk);
        wall.position().set(0.0, side * (HALF_HEIGHT + 0.1), 0.1);
        scene.add(&wall);
    }
    for dash in -4..=4 {
        let net = block(0.1, 0.5, 0.02, &chalk);
        net.position().set(0.0, f64::from(dash), 0.01);
        scene.add(&net);
    }
}

/// Smaller and fainter balls, which follow the ball.
fn trail(scene: &Scene) -> Vec<Ghost> {
    let sphere = SphereGeometry::new(RADIUS, 16, 8);
    (0..GHOSTS)
        .map(|index| {
            let rest = 1.0 - (index + 1) as f64 / (GHOSTS + 1) as f64;
            let material = glowing(SUN, 0.8);
            material.set_transparent(true);
            material.set_opacity(0.6 * rest * rest);
            let ghost = Mesh::new(&sphere, &material);
            ghost.scale().set(rest, rest, rest);
            scene.add(&ghost);
            let position = ghost.position();
            position.set(0.0, 0.0, RADIUS);
            Ghost { position, x: 0.0, y: 0.0 }
        })
        .collect()
}

fn block(width: f64, height: f64, depth: f64, material: &MeshStandardMaterial) -> Mesh {
    let mesh = Mesh::new(&BoxGeometry::new(width, height, depth), material);
    mesh.set_cast_shadow(true);
    mesh.set_receive_shadow(true);
    mesh
}

fn matte(colour: u32) -> MeshStandardMaterial {
    let material = MeshStandardMaterial::new();
    material.set_color(&Color::new(colour));
    material.set_roughness(0.8);
    material
}

/// A material that is seen in the dark, too; `share` of its colour is light of its own.
fn glowing(colour: u32, share: f64) -> MeshStandardMaterial {
    let material = matte(colour);
    let light = Color::new(colour);
    light.multiply_scalar(share);
    material.set_emissive(&light);
    material
}
