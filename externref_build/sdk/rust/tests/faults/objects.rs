use externref_guest::externref;

#[externref]
extern "C" {
    type Vector3;
    type Parameters<T>;
    #[link_name = "Other"]
    type Renamed;
    #[externref(extend = Vector3)]
    type Extends;
    #[externref]
    type Says;
    type Vector3;
}

#[externref]
extern "C" {
    type Matrix;

    #[externref(methud)]
    fn unknown(this: &Matrix);
    #[externref]
    fn silent(this: &Matrix);
    #[externref(method, getter)]
    fn twofold(this: &Matrix) -> f64;
    #[externref(static_method)]
    fn whose() -> Matrix;
    #[externref(static_method = u32)]
    fn primitive() -> Matrix;

    #[externref(constructor)]
    fn nothing();
    #[externref(constructor)]
    fn itself() -> Self;
    #[externref(method)]
    fn or_itself(this: &Matrix, other: &Self) -> Option<Self>;
    #[externref(constructor)]
    fn number() -> f64;
    #[externref(constructor)]
    fn resource() -> externref_guest::Resource<Matrix>;
    #[externref(constructor)]
    #[link_name = "other"]
    fn renamed() -> Matrix;

    #[externref(method)]
    fn alone();
    #[externref(method)]
    fn nameless(matrix: &Matrix);
    #[externref(method)]
    fn on_self(&self) -> f64;
    #[externref(method)]
    fn owned(this: Matrix);
    #[externref(method)]
    fn optional(this: Option<&Matrix>);
    #[externref(method)]
    fn numeric(this: &f64);
    #[externref(method)]
    fn of_resource(this: &externref_guest::Resource<Matrix>);
    #[externref(method, overload = 5)]
    fn overloaded(this: &Matrix);
    #[externref(method)]
    #[link_name = "add#f64"]
    fn spelled_out(this: &Matrix);

    #[externref(getter)]
    fn index(this: &Matrix, index: u32) -> f64;
    #[externref(getter)]
    fn unit(this: &Matrix);
    #[externref(setter)]
    fn x(this: &Matrix, x: f64);
    #[externref(setter)]
    fn set_y(this: &Matrix);
    #[externref(setter)]
    fn set_z(this: &Matrix, z: f64) -> f64;
    #[externref(global)]
    fn argument(this: &Matrix) -> f64;
    #[externref(global)]
    fn void();

    fn inside(matrices: &[Matrix], pair: (Matrix, u32), two: &&Matrix);
}

#[externref(method)]
#[no_mangle]
pub extern "C" fn exported(_: f64) {}

fn main() {}
