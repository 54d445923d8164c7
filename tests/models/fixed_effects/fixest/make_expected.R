# Write expected.json: the answers of R fixest on data.csv.
# Rscript make_expected.R, in this folder; needs the packages fixest and jsonlite.
suppressMessages({
  library(fixest)
  library(jsonlite)
})
setFixest_nthreads(1)
setFixest_notes(FALSE)
df <- read.csv("data.csv")

errors <- list(
  list(se = "iid", vcov = "iid"),
  list(se = "hetero", vcov = "hetero"),
  list(se = "cluster", cluster = "firm", vcov = ~firm),
  list(se = "cluster", cluster = c("person", "year"), vcov = ~person + year),
  list(se = "cluster", cluster = c("person", "year"), vcov = ~person + year,
       options = list(cluster_df = "conventional"), ssc = ssc(cluster.df = "conventional")),
  list(se = "newey_west", options = list(unit = "person", time = "year"),
       vcov = NW ~ person + year),
  list(se = "newey_west", options = list(unit = "person", time = "year", lag = 3L),
       vcov = NW(3) ~ person + year),
  list(se = "newey_west", options = list(time = "t", lag = 2L), vcov = NW(2) ~ t),
  list(se = "driscoll_kraay", options = list(time = "year"), vcov = DK ~ year),
  list(se = "driscoll_kraay", options = list(time = "year", lag = 3L), vcov = DK(3) ~ year),
  list(se = "conley", options = list(lat = "lat", lon = "lon", cutoff = 150L),
       vcov = conley(150, distance = "spherical") ~ lat + lon),
  list(se = "conley",
       options = list(lat = "lat", lon = "lon", cutoff = 80L, distance = "planar"),
       vcov = conley(80, distance = "triangular") ~ lat + lon)
)

models <- list(
  list(model = "feols", formula = "y ~ x1 + x2"),
  list(model = "feols", formula = "y ~ x1 + x2 | firm"),
  list(model = "feols", formula = "y ~ x1 + x2 | firm + year"),
  list(model = "feols", formula = "y ~ x1 + x2 | person + firm + year"),
  list(model = "feols", formula = "y ~ x1 + x2 | person + firm + year + job"),
  list(model = "feols", formula = "y ~ x1 + x2 | firm + year", weights = "w"),
  list(model = "feols", formula = "y ~ x1 + x2 | person + island"),
  list(model = "feols", formula = "y ~ x1 + x2 | firm + region + person"),
  list(model = "feols", formula = "y ~ x1 + x2 | job^year + firm"),
  list(model = "feols", formula = "y ~ x1 + x2 | job[trend] + year"),
  list(model = "feols", formula = "y ~ x1 | firm + year | d ~ z1 + z2"),
  list(model = "feols", formula = "y ~ x1 | person | d ~ z1", weights = "w"),
  list(model = "fepois", formula = "count ~ x1 + x2 | person"),
  list(model = "fepois", formula = "count ~ x1 + x2 | person + year"),
  list(model = "fepois", formula = "count ~ x1 + x2 | firm + year", weights = "w")
)

plain <- function(names) sub("^fit_", "", sub("(Intercept)", "Intercept", names, fixed = TRUE))

answer <- function(case) {
  estimate <- get(case$model)
  weights <- if (is.null(case$weights)) NULL else df[[case$weights]]
  common <- list(as.formula(case$formula), df, weights = weights, fixef.tol = 1e-11,
                 fixef.iter = 100000)
  own <- if (case$model == "fepois") {
    list(glm.tol = 1e-11, glm.iter = 100, fixef.rm = "perfect")
  } else {
    list(fixef.rm = "none")
  }
  fit <- do.call(estimate, c(common, own))
  found <- lapply(errors, function(kind) {
    rule <- if (is.null(kind$ssc)) ssc() else kind$ssc
    covariance <- vcov(fit, vcov = kind$vcov, ssc = rule, attr = TRUE)
    list(se = kind$se, cluster = kind$cluster, options = kind$options,
         df = attr(covariance, "df.t"),
         errors = setNames(as.list(sqrt(diag(covariance))), plain(names(coef(fit)))))
  })
  c(case, list(coefficients = setNames(as.list(coef(fit)), plain(names(coef(fit)))),
               nobs = nobs(fit), kinds = found))
}

results <- list(
  versions = list(R = as.character(getRversion()), fixest = as.character(packageVersion("fixest"))),
  cases = lapply(models, answer)
)
write(toJSON(results, digits = I(15), auto_unbox = TRUE, null = "null", pretty = 1), "expected.json")
